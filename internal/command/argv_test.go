package command

import (
	"context"
	"errors"
	"io"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/urfave/cli/v2"
)

// testApp has a flag of every kind, and a -h that is not help.
func testApp(action cli.ActionFunc) *cli.App {
	return &cli.App{
		Name:    "prog",
		Version: "1",
		Writer:  io.Discard,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "server", Aliases: []string{"s"}},
			&cli.BoolFlag{Name: "quiet", Aliases: []string{"q"}},
			&cli.DurationFlag{Name: "timeout"},
		},
		Commands: []*cli.Command{{
			Name:   "ls",
			Action: action,
			Flags: []cli.Flag{
				&cli.BoolFlag{Name: "long", Aliases: []string{"l"}},
				&cli.BoolFlag{Name: "human", Aliases: []string{"h"}},
				&cli.StringFlag{Name: "dir", Aliases: []string{"d"}},
				&cli.IntFlag{Name: "many", Aliases: []string{"t"}},
				&cli.StringSliceFlag{Name: "skip"},
			},
		}, {Name: "get", Action: action}},
	}
}

func TestArrange(t *testing.T) {
	tests := []struct{ name, in, want string }{
		{"nothing", "", "prog"},
		{"command alone", "ls", "prog ls --"},
		{"flags after arguments", "ls a -l b", "prog ls --long -- a b"},
		{"program flag after the command", "ls a -s h:1", "prog --server=h:1 ls -- a"},
		{"joined short flags", "ls -lh", "prog ls --long --human --"},
		{"joined with a value", "ls -ldDIR a", "prog ls --long --dir=DIR -- a"},
		{"short with equals", "ls -d=DIR", "prog ls --dir=DIR --"},
		{"value that looks like a flag", "ls -d -x a", "prog ls --dir=-x -- a"},
		{"empty value", "ls --dir= a", "prog ls --dir= -- a"},
		{"double dash", "ls -l -- -l --dir", "prog ls --long -- -l --dir"},
		{"double dash before the command", "-- ls -l", "prog ls -- -l"},
		{"second double dash", "ls -- -- a", "prog ls -- -- a"},
		{"a dash is an argument", "ls - a", "prog ls -- - a"},
		{"same flag under two names", "ls -l --long", "prog ls --long --long --"},
		{"help as a command", "help ls", "prog ls --help --"},
		{"help before the command", "--help ls", "prog ls --help --"},
		{"help behind an argument", "get a --help", "prog get --help --"},
		{"help with arguments", "help get a b", "prog get --help --"},
		{"a value that says help", "ls -d --help a", "prog ls --dir=--help -- a"},
		{"help alone", "help", "prog --help"},
		{"short help where free", "get -h", "prog get --help --"},
		{"short help where taken", "ls -h", "prog ls --human --"},
		{"argument named help", "ls help", "prog ls -- help"},
		{"argument named like a command", "ls ls", "prog ls -- ls"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Arrange(testApp(nil), strings.Fields("prog "+tt.in))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(strings.Fields(tt.want), got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestArrangeWithoutCommands(t *testing.T) {
	app := testApp(nil)
	app.Commands = nil
	got, err := Arrange(app, []string{"prog", "a", "-q", "b"})
	if diff := cmp.Diff([]string{"prog", "--quiet", "--", "a", "b"}, got); err != nil || diff != "" {
		t.Error(err, diff)
	}
}

func TestUsageErrors(t *testing.T) {
	tests := []struct{ in, command, message, hint string }{
		{"fetch", "", "unknown command fetch", "the commands are ls, get"},
		{"-x ls", "", "unknown flag -x", "run prog --help for the flags there are"},
		{"ls --nope", "ls", "unknown flag --nope", "run prog ls --help for the flags there are"},
		{"ls -lx", "ls", "unknown flag -x", "run prog ls --help for the flags there are"},
		{"ls -human", "ls", "unknown flag -human", "a long flag has two dashes: --human"},
		{"ls -timeout 5s", "ls", "unknown flag -timeout", "a long flag has two dashes: --timeout"},
		{"ls -l=false", "ls", "-l takes no value", "run prog ls --help for the flags there are"},
		{"ls -lh=false", "ls", "-h takes no value", "run prog ls --help for the flags there are"},
		{"ls -=x", "ls", "unknown flag -=", "run prog ls --help for the flags there are"},
		{"ls --l", "ls", "unknown flag --l", "run prog ls --help for the flags there are"},
		{"ls a --dir", "ls", "--dir needs a value", ""},
		{"ls -ld", "ls", "-d needs a value", ""},
		{"ls --timeout soon", "", `invalid value "soon" for flag --timeout: parse error`, "use a number with a unit, such as 5s or 1m"},
		{"ls --long=perhaps", "ls", `invalid boolean value "perhaps" for --long: parse error`, ""},
	}
	for _, tt := range tests {
		t.Run(tt.in, func(t *testing.T) {
			err := Run(t.Context(), testApp(nil), strings.Fields("prog "+tt.in))
			var usage *UsageError
			if !errors.As(err, &usage) {
				t.Fatalf("error %v", err)
			}
			want := &UsageError{Command: tt.command, Message: tt.message, Hint: tt.hint}
			if diff := cmp.Diff(want, usage); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestRunReturnsTheActionsError(t *testing.T) {
	sentinel := cli.Exit("no", 7) // the library would exit the process on this
	err := Run(t.Context(), testApp(func(*cli.Context) error { return sentinel }), []string{"prog", "ls"})
	if !errors.Is(err, sentinel) {
		t.Errorf("error %v", err)
	}
	err = Run(t.Context(), testApp(func(*cli.Context) error { return Usagef("why") }), []string{"prog", "ls"})
	var usage *UsageError
	if !errors.As(err, &usage) || usage.Command != "ls" {
		t.Errorf("error %#v", err)
	}
}

func TestRunReadsFlagsInAnyPlace(t *testing.T) {
	app := testApp(func(c *cli.Context) error {
		got := []any{c.String("server"), c.Bool("long"), c.Bool("human"), c.StringSlice("skip"), c.Args().Slice()}
		want := []any{"h:1", true, false, []string{"a,b", "c"}, []string{"x", "-y"}}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Error(diff)
		}
		return nil
	})
	args := strings.Fields("prog ls x --skip a,b -l -s h:1 --skip=c -- -y")
	if err := Run(context.Background(), app, args); err != nil {
		t.Error(err)
	}
}

func TestHelpNamesEveryFlag(t *testing.T) {
	for _, args := range []string{"prog --help", "prog ls --help", "prog help ls", "prog help ls a", "prog ls a --help"} {
		var out strings.Builder
		app := testApp(nil)
		app.Writer = &out
		if err := Run(t.Context(), app, strings.Fields(args)); err != nil {
			t.Fatal(err)
		}
		t.Log(out.String())
		want := "--server"
		if strings.Contains(args, "ls") {
			want = "--human"
		}
		if !strings.Contains(out.String(), want) || !strings.Contains(out.String(), "--help") {
			t.Errorf("%s printed %q", args, out.String())
		}
	}
}

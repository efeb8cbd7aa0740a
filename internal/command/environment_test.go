package command

import (
	"strings"
	"testing"
	"time"

	"github.com/urfave/cli/v2"
)

// variableApp has a flag of every kind with a variable, and runs action.
func variableApp(action cli.ActionFunc) *cli.App {
	return &cli.App{
		Name:   "prog",
		Action: action,
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "server", Aliases: []string{"s"}, Value: "here", EnvVars: []string{"PROG_SERVER"}},
			&cli.BoolFlag{Name: "quiet", EnvVars: []string{"PROG_QUIET"}},
			&cli.IntFlag{Name: "count", Value: 3, EnvVars: []string{"PROG_COUNT"}},
			&cli.DurationFlag{Name: "timeout", Value: time.Second, EnvVars: []string{"PROG_TIMEOUT"}},
		},
	}
}

func TestEnvironment(t *testing.T) {
	tests := []struct {
		name, line, variables string
		server                string
		quiet                 bool
		count                 int
		origin                string // of the server
	}{
		{"defaults", "", "", "here", false, 3, "--server"},
		{"variables", "", "PROG_SERVER=there PROG_QUIET=true PROG_COUNT=5", "there", true, 5, "PROG_SERVER"},
		{"empty variables", "", "PROG_SERVER= PROG_QUIET= PROG_COUNT= PROG_TIMEOUT=", "here", false, 3, "--server"},
		{"flag before variable", "-s a --quiet=false", "PROG_SERVER=there PROG_QUIET=true", "a", false, 3, "--server"},
		{"bad variable that does not count", "--count 7", "PROG_COUNT=many", "here", false, 7, "--server"},
		{"empty flag", "--server=", "PROG_SERVER=there", "", false, 3, "--server"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			for v := range strings.FieldsSeq(tt.variables) {
				name, value, _ := strings.Cut(v, "=")
				t.Setenv(name, value)
			}
			ran := false
			err := Run(t.Context(), variableApp(func(c *cli.Context) error {
				ran = true
				if c.String("server") != tt.server || c.Bool("quiet") != tt.quiet || c.Int("count") != tt.count {
					t.Errorf("server %q, quiet %v, count %d", c.String("server"), c.Bool("quiet"), c.Int("count"))
				}
				if got := Origin(c, "server"); got != tt.origin {
					t.Errorf("the server is of %s, want %s", got, tt.origin)
				}
				return nil
			}), strings.Fields("prog "+tt.line))
			if err != nil || !ran {
				t.Errorf("ran %v, error %v", ran, err)
			}
		})
	}
}

func TestWrongVariables(t *testing.T) {
	for variable, want := range map[string]UsageError{
		"PROG_QUIET=yes":    {Message: `PROG_QUIET: "yes" is neither true nor false`},
		"PROG_COUNT=many":   {Message: `PROG_COUNT: "many" is not a whole number`},
		"PROG_TIMEOUT=soon": {Message: `PROG_TIMEOUT: "soon" is not a time`, Hint: unitHint},
	} {
		t.Run(variable, func(t *testing.T) {
			name, value, _ := strings.Cut(variable, "=")
			t.Setenv(name, value)
			err := Run(t.Context(), variableApp(nil), []string{"prog"})
			if usage, ok := err.(*UsageError); !ok || *usage != want {
				t.Errorf("error %#v", err)
			}
		})
	}
}

func TestHelpNamesTheVariables(t *testing.T) {
	t.Setenv("PROG_COUNT", "5")
	var out strings.Builder
	app := variableApp(nil)
	app.Writer = &out
	if err := Run(t.Context(), app, []string{"prog", "--help"}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"[$PROG_SERVER]", "[$PROG_QUIET]", "[$PROG_COUNT] (default: 3)", "[$PROG_TIMEOUT]"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %s in\n%s", want, out.String())
		}
	}
}

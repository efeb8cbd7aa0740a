// Package command runs a command line described with urfave/cli: flags in any
// place, errors as values, and one pair of rules for signals and versions that
// ftpd and ftpc share. It never exits the process and prints only what was
// asked for with --help and --version.
package command

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"sync"

	"github.com/urfave/cli/v2"
)

// UsageError is a command line that cannot be run as it stands.
type UsageError struct {
	Command string // the command it was meant for; empty for the program
	Message string
	Hint    string // what to type instead; may be empty
}

// Error returns the message alone.
func (e *UsageError) Error() string { return e.Message }

// Usagef makes a UsageError; Run fills in the command.
func Usagef(format string, args ...any) *UsageError {
	return &UsageError{Message: fmt.Sprintf(format, args...)}
}

// Run parses args, args[0] being the program, and runs the action they name.
// It returns a *UsageError for a wrong command line and otherwise what the
// action returned, unchanged. It may be called once for each app. An
// environment variable counts where its flag is not given; an empty one is none.
func Run(ctx context.Context, app *cli.App, args []string) error {
	prepare(app)
	variables := variables(app)
	a, err := arrange(app, args)
	if err != nil {
		return err
	}
	if err := a.environment(variables); err != nil {
		return err
	}
	return app.RunContext(withOrigins(ctx, a.origins), a.line(args[0]))
}

// longNames takes the short forms -h and -v away from the library's own flags,
// so that a command may have them. Arrange turns every other -h into --help.
var longNames = sync.OnceFunc(func() {
	cli.HelpFlag = &cli.BoolFlag{Name: "help", Usage: "show this help", DisableDefaultText: true}
	cli.VersionFlag = &cli.BoolFlag{Name: "version", Usage: "print the version", DisableDefaultText: true}
})

// prepare turns off what the library does behind the caller's back: exiting,
// splitting values at commas, printing flag errors to standard output, and
// taking an argument named "help" as a command.
func prepare(app *cli.App) {
	longNames()
	app.HideHelpCommand = true
	app.DisableSliceFlagSeparator = true
	app.ExitErrHandler = func(*cli.Context, error) {}
	app.OnUsageError = usageError
	app.CustomAppHelpTemplate = appHelp
	for _, c := range app.Commands {
		c.HideHelpCommand = true
		c.OnUsageError = usageError
		c.CustomHelpTemplate = commandHelp(app)
		if action := c.Action; action != nil {
			c.Action = named(c.Name, action)
		}
	}
}

// named puts the command's name into the usage errors of its action.
func named(name string, action cli.ActionFunc) cli.ActionFunc {
	return func(c *cli.Context) error {
		err := action(c)
		var usage *UsageError
		if errors.As(err, &usage) && usage.Command == "" {
			usage.Command = name
		}
		return err
	}
}

// singleDash is how package flag names a flag in its errors.
var singleDash = regexp.MustCompile(` (for|for flag) -(\w)`)

// ofDuration finds the flag in an error of its value.
var ofDuration = regexp.MustCompile(`for flag --([\w-]+): `)

func isDuration(c *cli.Context, name string) bool {
	flags := c.App.Flags
	if c.Command != nil {
		flags = append(slices.Clip(flags), c.Command.Flags...)
	}
	_, ok := among(flags, name).(*cli.DurationFlag)
	return ok
}

// usageError is the library's hook for values that do not parse.
func usageError(c *cli.Context, err error, isCommand bool) error {
	usage := Usagef("%s", singleDash.ReplaceAllString(err.Error(), " $1 --$2"))
	if isCommand {
		usage.Command = c.Command.Name
	}
	if m := ofDuration.FindStringSubmatch(usage.Message); len(m) > 1 && isDuration(c, m[1]) {
		usage.Hint = unitHint
	}
	return usage
}

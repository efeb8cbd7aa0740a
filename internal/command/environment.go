package command

import (
	"context"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"

	"github.com/urfave/cli/v2"
)

// variable is an environment variable that sets a flag.
type variable struct {
	name string
	flag cli.Flag
}

// variables takes the environment variables of the program's own flags away
// from the library, which takes an empty one for a value, reads those that the
// command line overrules, and does not tell afterwards where a value came
// from. The help still shows them.
func variables(app *cli.App) []variable {
	var found []variable
	for _, f := range app.Flags {
		names, usage := settings(f)
		if names == nil || len(*names) == 0 {
			continue
		}
		for _, name := range *names {
			found = append(found, variable{name, f})
		}
		*usage = fmt.Sprintf("%s [$%s]", *usage, strings.Join(*names, ", $"))
		*names = nil
	}
	return found
}

// settings returns where a flag of the kinds in use keeps its variables and
// its usage.
func settings(f cli.Flag) (names *[]string, usage *string) {
	switch f := f.(type) {
	case *cli.StringFlag:
		return &f.EnvVars, &f.Usage
	case *cli.BoolFlag:
		return &f.EnvVars, &f.Usage
	case *cli.IntFlag:
		return &f.EnvVars, &f.Usage
	case *cli.DurationFlag:
		return &f.EnvVars, &f.Usage
	}
	return nil, nil
}

// environment adds to the line the flags that it does not have and a variable
// sets. An empty variable sets nothing.
func (a *arranger) environment(variables []variable) error {
	a.origins = make(map[string]string)
	for _, v := range variables {
		value, of := os.Getenv(v.name), v.flag.Names()[0]
		if value == "" || a.given[of] {
			continue
		}
		if try(v.flag, value) != nil {
			what, hint := fault(v.flag)
			return &UsageError{Message: fmt.Sprintf("%s: %q %s", v.name, value, what), Hint: hint}
		}
		a.origins[of] = v.name
		a.add(v.flag, false, "="+value)
	}
	return nil
}

// try parses a value as the library will.
func try(f cli.Flag, value string) error {
	set := flag.NewFlagSet("", flag.ContinueOnError)
	set.SetOutput(io.Discard)
	if err := f.Apply(set); err != nil {
		return err
	}
	return set.Set(f.Names()[0], value)
}

// unitHint helps against a time that does not parse.
const unitHint = "use a number with a unit, such as 5s or 1m"

// fault says what a value is that does not parse, and what helps.
func fault(f cli.Flag) (what, hint string) {
	switch f.(type) {
	case *cli.BoolFlag:
		return "is neither true nor false", ""
	case *cli.IntFlag:
		return "is not a whole number", ""
	case *cli.DurationFlag:
		return "is not a time", unitHint
	}
	return "is not a value for --" + f.Names()[0], ""
}

// originsKey is where a context keeps which flags have their values of the
// environment.
type originsKey struct{}

func withOrigins(ctx context.Context, origins map[string]string) context.Context {
	return context.WithValue(ctx, originsKey{}, origins)
}

// Origin names, for an error, where the value of one of the program's flags
// came from: the environment variable, or else the flag with its dashes.
func Origin(c *cli.Context, name string) string {
	if origins, ok := c.Context.Value(originsKey{}).(map[string]string); ok && origins[name] != "" {
		return origins[name]
	}
	return "--" + name
}

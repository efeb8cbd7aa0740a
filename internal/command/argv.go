package command

import (
	"slices"
	"strings"

	"github.com/urfave/cli/v2"
)

// Arrange rewrites a command line into the only order the library reads:
// program, its flags, command, its flags, "--", arguments. Flags may stand
// anywhere before a "--", short ones may be joined (-lR, -dDIR), and a flag of
// the program may follow the command. What follows "--" is an argument.
func Arrange(app *cli.App, args []string) ([]string, error) {
	a, err := arrange(app, args)
	if err != nil {
		return nil, err
	}
	return a.line(args[0]), nil
}

func arrange(app *cli.App, args []string) (*arranger, error) {
	a := &arranger{app: app, given: make(map[string]bool)}
	rest := args[1:]
	for len(rest) > 0 {
		var err error
		if rest, err = a.take(rest); err != nil {
			return nil, err
		}
	}
	return a, nil
}

type arranger struct {
	app        *cli.App
	command    *cli.Command // nil until its name was read
	global     []string
	local      []string
	arguments  []string
	noMoreFlag bool              // after "--"
	given      map[string]bool   // flags of the program that the line has, by their first names
	origins    map[string]string // the variables of those that the environment sets
}

// take reads the first token, with its value where it is a flag that has one.
func (a *arranger) take(args []string) ([]string, error) {
	token, rest := args[0], args[1:]
	switch {
	case a.noMoreFlag || token == "-" || !strings.HasPrefix(token, "-"):
		return rest, a.argument(token)
	case token == "--":
		a.noMoreFlag = true
		return rest, nil
	case strings.HasPrefix(token, "--"):
		return a.long(token[2:], rest)
	default:
		return a.short(token[1:], rest)
	}
}

// argument takes a token that is no flag: the command's name, then arguments.
func (a *arranger) argument(token string) error {
	if len(a.app.Commands) == 0 || a.command != nil {
		a.arguments = append(a.arguments, token)
		return nil
	}
	if token == "help" {
		a.global = append(a.global, "--help")
		return nil
	}
	a.command = find(a.app, token)
	if a.command == nil {
		return &UsageError{
			Message: "unknown command " + token,
			Hint:    "the commands are " + strings.Join(names(a.app), ", "),
		}
	}
	// "help get" and "--help get" mean the same as "get --help".
	if slices.Contains(a.global, "--help") {
		a.global = slices.DeleteFunc(a.global, func(flag string) bool { return flag == "--help" })
		a.local = append(a.local, "--help")
	}
	return nil
}

// long takes --name, --name=value or --name value.
func (a *arranger) long(body string, rest []string) ([]string, error) {
	name, value, given := strings.Cut(body, "=")
	flag, local := a.lookup(name)
	switch {
	case flag == nil || len(name) == 1:
		return nil, a.unknown("--" + name)
	case given:
		a.add(flag, local, "="+value)
		return rest, nil
	case !takesValue(flag):
		a.add(flag, local, "")
		return rest, nil
	}
	return a.value(flag, local, "--"+name, rest)
}

// short takes a run of one-letter flags. The first that has a value takes the
// rest of the token (with or without a "=") or else the next token.
func (a *arranger) short(letters string, rest []string) ([]string, error) {
	for i, letter := range letters {
		name := string(letter)
		flag, local := a.lookup(name)
		switch {
		case flag == nil && name == "=" && i > 0:
			return nil, a.noValue("-" + letters[i-1:i])
		case flag == nil, i == 0 && a.isSlip(flag, letters):
			return nil, a.unknownShort(letters, name)
		}
		if !takesValue(flag) {
			a.add(flag, local, "")
			continue
		}
		if tail := letters[i+len(name):]; tail != "" {
			a.add(flag, local, "="+strings.TrimPrefix(tail, "="))
			return rest, nil
		}
		return a.value(flag, local, "-"+name, rest)
	}
	return rest, nil
}

func (a *arranger) value(flag cli.Flag, local bool, as string, rest []string) ([]string, error) {
	if len(rest) == 0 {
		return nil, a.usagef("%s needs a value", as)
	}
	a.add(flag, local, "="+rest[0])
	return rest[1:], nil
}

// add writes a flag under its first name, because the library refuses two
// names of one flag in one line.
func (a *arranger) add(flag cli.Flag, local bool, value string) {
	text := "--" + flag.Names()[0] + value
	if local {
		a.local = append(a.local, text)
	} else {
		a.global = append(a.global, text)
		a.given[flag.Names()[0]] = true
	}
}

// lookup finds a flag by any of its names, the command's own first.
func (a *arranger) lookup(name string) (flag cli.Flag, local bool) {
	if a.command != nil {
		if f := among(a.command.Flags, name); f != nil {
			return f, true
		}
	}
	if f := among(a.app.Flags, name); f != nil {
		return f, false
	}
	switch name {
	case "help", "h":
		return cli.HelpFlag, a.command != nil
	case "version":
		return cli.VersionFlag, false
	}
	return nil, false
}

func (a *arranger) line(program string) []string {
	line := append([]string{program}, a.global...)
	if a.command != nil {
		line = append(line, a.command.Name)
	}
	line = append(line, a.local...)
	if a.command != nil || len(a.app.Commands) == 0 {
		line = append(line, "--")
	}
	if slices.Contains(line, "--help") {
		return line // the library would look for help about the first argument
	}
	return append(line, a.arguments...)
}

func (a *arranger) usagef(format string, args ...any) *UsageError {
	usage := Usagef(format, args...)
	if a.command != nil {
		usage.Command = a.command.Name
	}
	return usage
}

func (a *arranger) unknown(flag string) error {
	usage := a.usagef("unknown flag %s", flag)
	usage.Hint = a.helpHint(usage)
	return usage
}

// noValue is a short flag, one that has no value, with one.
func (a *arranger) noValue(flag string) error {
	usage := a.usagef("%s takes no value", flag)
	usage.Hint = a.helpHint(usage)
	return usage
}

func (a *arranger) helpHint(usage *UsageError) string {
	return "run " + strings.TrimSpace(a.app.Name+" "+usage.Command) + " --help for the flags there are"
}

// isSlip tells a long name after one dash from a short flag with its value, where
// that is a number, which no name is.
func (a *arranger) isSlip(short cli.Flag, letters string) bool {
	word, _, _ := strings.Cut(letters, "=")
	long, _ := a.lookup(word)
	_, number := short.(*cli.IntFlag)
	return number && len(word) > 1 && long != nil
}

// unknownShort knows the slip of one dash before a long name.
func (a *arranger) unknownShort(letters, name string) error {
	word, _, _ := strings.Cut(letters, "=")
	if flag, _ := a.lookup(word); flag == nil {
		return a.unknown("-" + name)
	}
	usage := a.usagef("unknown flag -%s", word)
	usage.Hint = "a long flag has two dashes: --" + word
	return usage
}

func takesValue(flag cli.Flag) bool {
	documented, ok := flag.(cli.DocGenerationFlag)
	return ok && documented.TakesValue()
}

func among(flags []cli.Flag, name string) cli.Flag {
	for _, f := range flags {
		if slices.Contains(f.Names(), name) {
			return f
		}
	}
	return nil
}

func find(app *cli.App, name string) *cli.Command {
	for _, c := range app.Commands {
		if c.HasName(name) {
			return c
		}
	}
	return nil
}

func names(app *cli.App) []string {
	var list []string
	for _, c := range app.Commands {
		list = append(list, c.Name)
	}
	return list
}

package main

import (
	"embed"
	"slices"
	"strings"
	"text/template"

	"github.com/urfave/cli/v2"

	"ftpd/internal/command"
)

// The scripts complete commands, flags, the values of those that have a few,
// and otherwise names of files on this machine. They never ask a server.
//
//go:embed completions
var completions embed.FS

var shells = []string{"bash", "zsh", "fish"}

func completionCommand(out *console) *cli.Command {
	return &cli.Command{
		Name:      "completion",
		Usage:     "print a completion script for a shell",
		ArgsUsage: "bash|zsh|fish",
		Description: "bash: ftpc completion bash > /etc/bash_completion.d/ftpc\n" +
			"zsh:  ftpc completion zsh > /usr/local/share/zsh/site-functions/_ftpc\n" +
			"fish: ftpc completion fish > ~/.config/fish/completions/ftpc.fish",
		Action: action(out, runCompletion),
	}
}

func runCompletion(c *call) error {
	if err := c.need(1, 1); err != nil {
		return err
	}
	shell := c.Args().First()
	if !slices.Contains(shells, shell) {
		return command.Usagef("%s is none of %s", shell, strings.Join(shells, ", "))
	}
	name := shell + ".tmpl"
	script, err := template.New(name).
		Funcs(template.FuncMap{"join": strings.Join, "quote": singleQuote}).
		ParseFS(completions, "completions/"+name)
	if err != nil {
		return err
	}
	return script.Execute(c.out.stdout, vocabulary{Flags: flagWords(c.App.Flags), Commands: commandWords(c.App.Commands)})
}

// vocabulary is what can stand on a command line.
type vocabulary struct {
	Flags    []flagWord
	Commands []commandWord
}

// Names returns the names of all commands.
func (w vocabulary) Names() []string {
	var list []string
	for _, c := range w.Commands {
		list = append(list, c.Name)
	}
	return list
}

type commandWord struct {
	Name, Usage string
	Flags       []flagWord
	Values      []string // what the argument may be; empty where it is a path
}

type flagWord struct {
	Names      []string // with their dashes
	Usage      string
	TakesValue bool
	Values     []string // what the value may be; empty where it is anything
}

// Short returns the one-letter name without its dash, empty where there is none.
func (f flagWord) Short() string {
	if i := slices.IndexFunc(f.Names, isShort); i >= 0 {
		return strings.TrimLeft(f.Names[i], "-")
	}
	return ""
}

// Long returns the long name without its dashes.
func (f flagWord) Long() string { return strings.TrimLeft(f.Names[0], "-") }

func isShort(dashed string) bool { return len(dashed) == len("-x") }

// flagValues are what the value may be of flags that have a few.
var flagValues = map[string][]string{"progress": progressModes, "links": linkModes, "algo": algorithmNames()}

// argumentValues are what the first argument may be of commands that do not take a path.
var argumentValues = map[string][]string{"completion": shells, "profile": profileActions}

func flagWords(flags []cli.Flag) []flagWord {
	var list []flagWord
	for _, flag := range flags {
		if flag == cli.HelpFlag || flag == cli.VersionFlag {
			continue // the scripts have them on their own
		}
		w := flagWord{}
		for _, name := range flag.Names() {
			w.Names = append(w.Names, dashed(name))
		}
		if documented, ok := flag.(cli.DocGenerationFlag); ok {
			w.Usage, _, _ = strings.Cut(strings.ReplaceAll(documented.GetUsage(), "`", ""), " [$")
			w.TakesValue = documented.TakesValue()
		}
		w.Values = flagValues[flag.Names()[0]]
		list = append(list, w)
	}
	return list
}

func commandWords(commands []*cli.Command) []commandWord {
	var list []commandWord
	for _, c := range commands {
		w := commandWord{Name: c.Name, Usage: c.Usage, Flags: flagWords(c.Flags)}
		w.Values = argumentValues[c.Name]
		list = append(list, w)
	}
	return list
}

func dashed(name string) string {
	if len(name) == 1 {
		return "-" + name
	}
	return "--" + name
}

// singleQuote quotes for all three shells, none of which has an escape inside
// single quotes that the other two know.
func singleQuote(s string) string {
	return "'" + strings.ReplaceAll(s, "'", `'\''`) + "'"
}

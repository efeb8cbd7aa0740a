//go:build unix

package main

import (
	"fmt"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

// Every flag of the program can follow a command, and zsh, which looks at
// what a command has alone, is told so for each.
func TestZshCompletesTheProgramsFlagsAfterACommand(t *testing.T) {
	out, err := exec.Command("ftpc", "completion", "zsh").Output()
	check(t, err)
	app := newApp(newTestConsole(new(strings.Builder)))
	for _, command := range app.Commands {
		_, section, found := strings.Cut(string(out), fmt.Sprintf("\n        %s)\n", command.Name))
		section, _, closed := strings.Cut(section, ";;")
		if !found || !closed {
			t.Fatalf("nothing is said of %s", command.Name)
		}
		for _, flag := range flagWords(slices.Concat(app.Flags, command.Flags)) {
			for _, name := range flag.Names {
				if n := strings.Count(section, "'"+name+"["); n != 1 {
					t.Errorf("%s has %s %d times", command.Name, name, n)
				}
			}
		}
	}
}

package command

import (
	"errors"
	"slices"
	"strings"
	"testing"
)

// FuzzArrange holds that a command line is refused for its usage, or arranged so that to
// arrange it again changes nothing, and that nothing behind "--" is lost. The arguments
// are separated by newlines.
func FuzzArrange(f *testing.F) {
	for _, line := range []string{
		"ls", "ls\na\n-l\nb", "-q\nls\n-dDIR", "ls\n-d=\nx", "--\nls\n--\n-x", "help\nls", "ls\n-lh=", "--server\nls", "ls\n-", "-\xff", "ls\n--skip=a,b\n--skip\nc", "get\n--help", "--version", "help\nhelp\nls",
	} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		args := append([]string{"prog"}, strings.Split(line, "\n")...)
		got, err := Arrange(testApp(nil), args)
		if err != nil {
			var usage *UsageError
			if !errors.As(err, &usage) || usage.Message == "" {
				t.Fatalf("%q: %v", args, err)
			}
			return
		}
		again, err := Arrange(testApp(nil), got)
		if err != nil || !slices.Equal(got, again) {
			t.Fatalf("%q is arranged as %q, and that as %q, %v", args, got, again, err)
		}
		end := slices.Index(args, "--") + 1 // where it is 0, the program's name is looked for
		if end < len(args) && args[end] != "help" && !slices.Contains(got, args[end]) {
			t.Fatalf("%q is arranged as %q", args, got)
		}
	})
}

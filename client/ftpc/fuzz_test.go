package main

import (
	"path/filepath"
	"strings"
	"testing"
)

// FuzzSumLine holds that what sum prints is read again as it was, and that a line which
// is read comes to the same when it is printed and read once more.
func FuzzSumLine(f *testing.F) {
	const digest = "aaa6320bf1724c98922f488ed4df7a58"
	for _, line := range []string{
		digest + "  a b", `\` + digest + `  a\nb\\c`, strings.ToUpper(digest) + "  x", digest + " x", digest, "", `\` + digest + `  \`, digest + "  \\",
	} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, line string) {
		if line != "" { // as a name
			mark, name := oneLine(line)
			got, ok := parseSum(mark+digest+"  "+name, algorithms)
			if !ok || got.want != digest || got.path != line {
				t.Fatalf("%q is printed as %q and read as %q, %v", line, name, got.path, ok)
			}
			if strings.ContainsAny(name, "\r\n") {
				t.Fatalf("%q is printed as %q", line, name)
			}
		}
		sum, ok := parseSum(line, algorithms)
		if !ok {
			return
		}
		mark, name := oneLine(sum.path)
		if again, ok := parseSum(mark+sum.want+"  "+name, algorithms); !ok || again.want != sum.want || again.path != sum.path {
			t.Fatalf("%q is of %q, which is printed as %q and read as %q", line, sum.path, name, again.path)
		}
	})
}

// FuzzTarget holds that an argument is refused or names a server that can be dialled and
// a path, and that no path leads out of the directory its file is got into.
func FuzzTarget(f *testing.F) {
	for _, argument := range []string{
		"a/b", "ftpd://h/a", "ftpd://u@h:1/%2a*", "ftpd://[::1]:1/x", "FTPD://h", "ftpd://u:p@h/", "http://h/", "../x", "ftpd://h/%zz", "a[", "ftpd://h:0/", `..\x`, "/", "ftpd://h/%5B[a-z]", "ftpds://%40u%2Fv@h/a",
	} {
		f.Add(argument)
	}
	f.Fuzz(func(t *testing.T, argument string) {
		got, err := parseTarget(argument)
		if err != nil {
			return
		}
		if on := got.server; on.address != "" {
			if again, err := parseServer(on.url()); err != nil || again != on {
				t.Fatalf("%q is on %q, which is %+v, %v", argument, on.url(), again, err)
			}
		} else if got.path != argument && !isURL(argument) {
			t.Fatalf("%q is the path %q", argument, got.path)
		}
		if got.pattern != "" && patternOf(got.pattern) == "" {
			t.Fatalf("%q has the pattern %q, which is none", argument, got.pattern)
		}
		if name, safe := localName(got.path); safe && name != "" && filepath.Dir(filepath.Join("dir", name)) != "dir" {
			t.Fatalf("%q would be written to %q", argument, filepath.Join("dir", name))
		}
	})
}

package main

import (
	"bytes"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"unicode"

	"ftpd/protocol"
)

// withUnreadable serves a tree in which the directory m/locked cannot be read,
// whoever runs the test.
func withUnreadable(t *testing.T) (address string) {
	t.Helper()
	root, address := serveTemp(t)
	check(t, os.MkdirAll(filepath.Join(root, "m", "locked"), 0o777))
	check(t, os.Mkdir(filepath.Join(root, "m", "open"), 0o777))
	for _, name := range []string{"m/a.txt", "m/open/b.txt", "m/open/c"} {
		check(t, os.WriteFile(filepath.Join(root, name), []byte(name), 0o666))
	}
	return relayThrough(t, address, func(b []byte) error {
		for _, path := range []string{"locked", "m/locked"} {
			entry := append([]byte{0, 0, byte(len(path))}, path...)
			if i := bytes.Index(b, append(entry, byte(protocol.Directory))); i >= 0 {
				b[i] = byte(protocol.Permission)
			}
		}
		return nil
	})
}

// A directory that a pattern cannot look into is told, and what matches
// elsewhere is worked on all the same.
func TestPatternGoesOn(t *testing.T) {
	address := withUnreadable(t)
	for _, test := range []struct{ args, out, last string }{
		{"get m/**/*.txt -d o", "", "get: 1 of 3 failed"},
		{"get m/**/*.none -d o", "", "get: 1 of 1 failed"},
		{"ls **/*.txt", "m/a.txt m/open/b.txt ", "ls: 1 of 3 failed"},
		{"ls m/**", "m/a.txt m/locked/ m/open/ m/open/b.txt m/open/c ", "ls: 1 of 6 failed"},
		{"rm m/**/c", "", "rm: 1 of 2 failed"},
		{"rm m/**/op?n", "", "rm: 2 of 2 failed"},
	} {
		cmd := quietCommand(t, address, strings.Fields(test.args)...)
		out := new(strings.Builder)
		cmd.Stdout = out
		_ = cmd.Run() // what it returns is checked as the status
		if got := cmd.ProcessState.ExitCode(); got != int(statusSomeFailed) {
			t.Errorf("%s: status %d", test.args, got)
		}
		if got := strings.Map(spaced, out.String()); got != test.out {
			t.Errorf("%s: standard output has %q", test.args, got)
		}
		name := strings.Fields(test.args)[0]
		stderr := cmd.Stderr.(*bytes.Buffer).String()
		if !strings.HasPrefix(stderr, "ftpc: "+name+" m/locked: permission denied on ") || !strings.HasSuffix(stderr, "ftpc: "+test.last+"\n") {
			t.Errorf("%s: standard error has %q", test.args, stderr)
		}
		if name == "get" && out.Len() == 0 && !strings.Contains(test.args, "none") {
			for _, file := range []string{"o/a.txt", "o/b.txt"} {
				_, err := os.Stat(filepath.Join(cmd.Dir, file))
				check(t, err)
			}
		}
	}
}

func spaced(r rune) rune {
	if unicode.IsSpace(r) {
		return ' '
	}
	return r
}

// In JSON the directory is a record with its error, and counts as failed.
func TestPatternGoesOnInJSON(t *testing.T) {
	cmd := quietCommand(t, withUnreadable(t), "sum", "--json", "**/*.txt")
	out := new(strings.Builder)
	cmd.Stdout = out
	_ = cmd.Run() // what it returns is checked as the status
	if got := cmd.ProcessState.ExitCode(); got != int(statusSomeFailed) {
		t.Errorf("status %d", got)
	}
	for _, part := range []string{
		`"remote":"m/locked","kind":"directory","error":{"status":6`, `"remote":"m/a.txt"`, `"files":2,"directories":0,"failed":1`,
	} {
		if !strings.Contains(out.String(), part) {
			t.Errorf("%s is not in %s", part, out)
		}
	}
}

// A mirror tells once what it could not look into, makes nothing of it, copies the rest,
// and removes nothing.
func TestMirrorGoesOn(t *testing.T) {
	cmd := quietCommand(t, withUnreadable(t), "mirror", "--delete", "ftpd:///m", "copy")
	check(t, os.MkdirAll(filepath.Join(cmd.Dir, "copy", "extra"), 0o777))
	_ = cmd.Run() // what it returns is checked as the status
	if got := cmd.ProcessState.ExitCode(); got != int(statusSomeFailed) {
		t.Errorf("status %d", got)
	}
	stderr := cmd.Stderr.(*bytes.Buffer).String()
	if strings.Count(stderr, "m/locked") != 1 || !strings.HasSuffix(stderr, "\nftpc: mirror: 1 of 5 failed\n") {
		t.Errorf("standard error has %q", stderr)
	}
	for name, there := range map[string]bool{"a.txt": true, "open/b.txt": true, "open/c": true, "extra": true, "locked": false} {
		if _, err := os.Stat(filepath.Join(cmd.Dir, "copy", name)); (err == nil) != there {
			t.Errorf("%s: %v", name, err)
		}
	}
}

package main

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// A large file that changes in the middle of its transfer arrives as it was, or not at
// all, and then the change is told: on the server and here, by name and by stream.
func TestChangedInTheMiddle(t *testing.T) {
	const size = 12 << 20 // more than all buffers on the way
	content := blocksOf(t, filepath.Join(t.TempDir(), "big"), size)
	changes := []struct {
		name   string
		whole  bool
		change func(path string) error
	}{
		{"replaced", true, func(path string) error {
			return errors.Join(os.WriteFile(path+".new", make([]byte, size), 0o600), os.Rename(path+".new", path))
		}},
		{"removed", true, os.Remove},
		{"a directory", true, func(path string) error { return errors.Join(os.Remove(path), os.Mkdir(path, 0o700)) }},
		{"rewritten", false, func(path string) error { return writeInto(path, size-1, "x") }},
		{"grown", false, func(path string) error { return writeInto(path, size, "x") }},
		{"cut", false, func(path string) error { return os.Truncate(path, size/2) }},
	}
	for _, command := range []string{"get big copy", "get big -", "put big copy", "put - copy"} {
		for _, c := range changes {
			t.Run(command+", "+c.name, func(t *testing.T) {
				root, address := serveTemp(t)
				isPut := strings.HasPrefix(command, "put")
				relay, held, release := holdAfter(t, address, isPut, 1<<20)
				defer release()
				cmd := quietCommand(t, relay, strings.Fields(command)...)
				from, to := root, cmd.Dir
				if isPut {
					from, to = cmd.Dir, root
				}
				path := filepath.Join(from, "big")
				check(t, os.WriteFile(path, content, 0o600))
				stdin, err := os.Open(path)
				check(t, err)
				defer stdin.Close()
				var stdout bytes.Buffer
				cmd.Stdin, cmd.Stdout = stdin, &stdout
				check(t, cmd.Start())
				watch(t, cmd)
				<-held
				check(t, c.change(path))
				release()
				_ = cmd.Wait() // what it returns is checked as the status
				got, missing := os.ReadFile(filepath.Join(to, "copy"))
				if command == "get big -" {
					got, missing = stdout.Bytes(), nil
				}
				wantWholeOrChanged(t, cmd.ProcessState.ExitCode(), cmd.Stderr.(*bytes.Buffer).String(), isPut, c.whole)
				switch {
				case c.whole && (missing != nil || !bytes.Equal(got, content)):
					t.Errorf("%d bytes arrived, and not those of the version: %v", len(got), missing)
				case !c.whole && command != "get big -" && missing == nil:
					t.Errorf("%d bytes arrived", len(got))
				case !c.whole && missing == nil && len(got) > size:
					t.Errorf("%d bytes arrived", len(got))
				}
			})
		}
	}
}

// wantWholeOrChanged checks what a command says of a file that changed under it.
func wantWholeOrChanged(t *testing.T, code int, said string, here, whole bool) {
	t.Helper()
	want, pattern := statusDone, `^$`
	switch {
	case whole:
	case here:
		want, pattern = statusLocal, `^ftpc: put .*: it (grew or shrank|was written to) while it was read.*\n`
	default:
		want, pattern = statusOther, `^ftpc: get big: .*\nhint: run the same command again\n$`
	}
	if code != int(want) || !regexp.MustCompile(pattern).MatchString(said) {
		t.Errorf("status %d, want %d; it says %q", code, want, said)
	}
}

func writeInto(path string, at int64, content string) error {
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = f.WriteAt([]byte(content), at)
	return errors.Join(err, f.Close())
}

//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// The etag that one command tells is the condition of the next: it holds once.
func TestPutIfEtag(t *testing.T) {
	for _, size := range []int{10, 700_000} {
		for _, local := range []string{"file", "-"} {
			root, address := serveTemp(t)
			check(t, os.WriteFile(filepath.Join(root, "there"), []byte("first"), 0o666))
			told := quietCommand(t, address, "stat", "--json", "there")
			out, err := told.Output()
			check(t, err)
			var stat struct{ Etag string }
			check(t, json.NewDecoder(bytes.NewReader(out)).Decode(&stat)) // a summary follows
			for i, want := range []status{statusDone, statusOther} {
				cmd := quietCommand(t, address, "put", "--if-etag", stat.Etag, local, "there")
				content := strings.Repeat([]string{"x", "y"}[i], size)
				check(t, os.WriteFile(filepath.Join(cmd.Dir, "file"), []byte(content), 0o666))
				cmd.Stdin = strings.NewReader(content)
				_ = cmd.Run() // what it returns is checked as the status
				if got := cmd.ProcessState.ExitCode(); got != int(want) {
					t.Errorf("%s of %d: status %d, want %d; %s", local, size, got, want, cmd.Stderr)
				}
				if got, err := os.ReadFile(filepath.Join(root, "there")); err != nil || string(got) != strings.Repeat("x", size) {
					t.Errorf("%s of %d: %d bytes are there, %v", local, size, len(got), err)
				}
			}
		}
	}
}

//go:build linux

package main

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// A small run makes the table of all rows.
func TestMirror(t *testing.T) {
	if _, err := exec.LookPath("rsync"); err != nil {
		t.Skip("rsync, with which a mirror is compared, is not installed")
	}
	bin := t.TempDir()
	build := exec.Command("go", "build", "-o", bin, "./server/ftpd", "./client/ftpc")
	build.Dir = "../.." // another module
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	var stdout, stderr bytes.Buffer
	out := filepath.Join(t.TempDir(), "mirror.md")
	args := []string{"-bin", bin, "-cache", t.TempDir(), "-dir", t.TempDir(), "-files", "150", "-runs", "2", "-out", out}
	if status := run(t.Context(), args, &stdout, &stderr); status != 0 {
		t.Fatalf("status %d: %s", status, &stderr)
	}
	written, err := os.ReadFile(out)
	if err != nil || !bytes.Equal(written, stdout.Bytes()) {
		t.Errorf("%v: %s", err, written)
	}
	for _, want := range []string{"| local to remote | ftpc mirror | 2 |", "| remote to local | rsync -a | 2 |", "150 files of 1 KiB"} {
		if !strings.Contains(stdout.String(), want) {
			t.Errorf("no %q in\n%s", want, &stdout)
		}
	}
	if status := run(t.Context(), []string{"-files", "0"}, &stdout, &stderr); status != 2 {
		t.Errorf("status %d", status)
	}
}

func TestMedian(t *testing.T) {
	if median([]float64{1, 2, 9}) != 2 || median([]float64{1, 3}) != 2 {
		t.Error("wrong")
	}
}

//go:build unix

package main

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ftpd/internal/trial"
	"ftpd/internal/trial/trialtest"
)

// short is a soak of some seconds.
var short = []string{"-kills", "4", "-size", "67108864", "-files", "60", "-trees", "2", "-damage", "1s", "-load", "1s", "-clients", "3"}

func TestSoak(t *testing.T) {
	if testing.Short() {
		t.Skip("it runs programs for a quarter of a minute")
	}
	status, stdout, stderr := trialtest.Run(t.Context(), t, run, append(short, "-bin", trialtest.Programs(t))...)
	t.Log(stdout)
	if status != 0 || stderr != "" {
		t.Fatalf("status %d: %s", status, stderr)
	}
	for _, want := range []string{"seed ", "| get, killed |", "| put, killed |", "| damaged |", "| many clients |", "descriptors before"} {
		if !strings.Contains(stdout, want) {
			t.Errorf("%q is missing", want)
		}
	}
}

func TestSoakCleansUp(t *testing.T) {
	if status, _, stderr := trialtest.Run(t.Context(), t, run, append(short, "-bin", t.TempDir())...); status != trial.ExitFailure || stderr == "" {
		t.Errorf("without programs: status %d, %q", status, stderr)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if status, _, stderr := trialtest.Run(ctx, t, run, append(short, "-bin", trialtest.Programs(t))...); status != trial.ExitInterrupted {
		t.Errorf("interrupted: status %d, %q", status, stderr)
	}
	if status, _, _ := trialtest.Run(t.Context(), t, run, "-no-such-flag"); status != trial.ExitUsage {
		t.Errorf("wrong flag: status %d", status)
	}
}

// A client that says that all is well when it is not must be found out: here one that
// writes another byte into a file it got.
func TestSoakNoticesWrongBytes(t *testing.T) {
	built, bin := trialtest.Programs(t), t.TempDir()
	if err := os.Symlink(filepath.Join(built, "ftpd"), filepath.Join(bin, "ftpd")); err != nil {
		t.Fatal(err)
	}
	script := "#!/bin/sh\n" + `"` + built + `/ftpc" "$@" || exit
case "$*" in *"get --json large"*) printf x | dd of=large conv=notrunc bs=1 seek=50 2>/dev/null;; esac
`
	if err := os.WriteFile(filepath.Join(bin, "ftpc"), []byte(script), 0o777); err != nil {
		t.Fatal(err)
	}
	status, _, stderr := trialtest.Run(t.Context(), t, run, "-kills", "0", "-size", "1000000", "-bin", bin)
	if status != trial.ExitFailure || !strings.Contains(stderr, "get, killed: ") {
		t.Errorf("status %d: %s", status, stderr)
	}
}

// Of a file that was not copied at one moment the stamps tell.
func TestOneVersion(t *testing.T) {
	path := filepath.Join(t.TempDir(), "moving")
	m, err := newMoving(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := oneVersion(path); err != nil {
		t.Error(err)
	}
	m.version++
	if err := m.rewrite(); err != nil {
		t.Fatal(err)
	}
	f, err := os.OpenFile(path, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, test := range []struct {
		stamp byte
		block int64
		ok    bool
	}{
		{1, 7, true},  // the last is not rewritten yet
		{1, 0, false}, // the first is not, and those behind it are
	} {
		if _, err := f.WriteAt([]byte{test.stamp}, test.block*step+7); err != nil {
			t.Fatal(err)
		}
		if err := oneVersion(path); (err == nil) != test.ok {
			t.Errorf("block %d: %v", test.block, err)
		}
	}
}

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

func TestDemo(t *testing.T) {
	status, stdout, stderr := trialtest.Run(t.Context(), t, run, "-bin", trialtest.Programs(t), "-size", "1000000", "-files", "60")
	if status != 0 || stderr != "" {
		t.Fatalf("status %d: %s", status, stderr)
	}
	for _, want := range []string{
		"\nftpc put image.bin", "\nftpc put -r tree", "\nftpc ls -R", "\nftpc get image.bin", "\nftpc get -r tree",
		"\n61 files, ", "ended with status 0",
	} {
		if !strings.Contains(stdout, want) {
			t.Errorf("%q is missing in\n%s", want, stdout)
		}
	}
}

func TestDemoCleansUp(t *testing.T) {
	small := []string{"-size", "100", "-files", "3", "-bin"}
	if status, _, stderr := trialtest.Run(t.Context(), t, run, append(small, t.TempDir())...); status != trial.ExitFailure || stderr == "" {
		t.Errorf("without programs: status %d, %q", status, stderr)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if status, _, stderr := trialtest.Run(ctx, t, run, append(small, trialtest.Programs(t))...); status != trial.ExitInterrupted {
		t.Errorf("interrupted: status %d, %q", status, stderr)
	}
	if status, _, _ := trialtest.Run(t.Context(), t, run, "-no-such-flag"); status != trial.ExitUsage {
		t.Errorf("wrong flag: status %d", status)
	}
}

// A copy that differs must not pass for one that came back.
func TestDemoNoticesADifference(t *testing.T) {
	built, bin := trialtest.Programs(t), t.TempDir()
	if err := os.Symlink(filepath.Join(built, "ftpd"), filepath.Join(bin, "ftpd")); err != nil {
		t.Fatal(err)
	}
	script := "#!/bin/sh\n" + `"` + built + `/ftpc" "$@" || exit
case "$*" in *"get image.bin"*) printf x | dd of=back/image.bin conv=notrunc bs=1 seek=50 2>/dev/null; touch -r image.bin back/image.bin; esac
`
	if err := os.WriteFile(filepath.Join(bin, "ftpc"), []byte(script), 0o777); err != nil {
		t.Fatal(err)
	}
	status, _, stderr := trialtest.Run(t.Context(), t, run, "-bin", bin, "-size", "100", "-files", "3")
	if status != trial.ExitFailure || !strings.Contains(stderr, "the bytes differ") {
		t.Errorf("status %d: %s", status, stderr)
	}
}

func TestSampleIsTheSameEachTime(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"a", "b"} {
		if _, err := makeTree(filepath.Join(dir, name), 40); err != nil {
			t.Fatal(err)
		}
	}
	total, err := trial.Compare(filepath.Join(dir, "a"), filepath.Join(dir, "b"), trial.Mode|trial.Mtime)
	if err != nil || total.Files != 40 {
		t.Errorf("%+v, %v", total, err)
	}
}

func TestGrouped(t *testing.T) {
	for n, want := range map[int]string{0: "0", 999: "999", 1000: "1,000", 1234567: "1,234,567"} {
		if got := grouped(n); got != want {
			t.Errorf("grouped(%d) = %q, want %q", n, got, want)
		}
	}
}

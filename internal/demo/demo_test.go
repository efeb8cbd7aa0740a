//go:build unix

package main

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"ftpd/internal/trial"
)

// programs builds ftpd and ftpc and returns their directory.
func programs(t *testing.T) string {
	t.Helper()
	bin := t.TempDir()
	build := exec.Command("go", "build", "-o", bin+"/", "ftpd/server/ftpd", "ftpd/client/ftpc")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return bin
}

// runHere runs the demo with temporary files where they can be counted.
func runHere(ctx context.Context, t *testing.T, args ...string) (status int, stdout, stderr string) {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	var out, problems strings.Builder
	status = run(ctx, args, &out, &problems)
	if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
		t.Errorf("left behind: %v, %v", left, err)
	}
	return status, out.String(), problems.String()
}

func TestDemo(t *testing.T) {
	status, stdout, stderr := runHere(t.Context(), t, "-bin", programs(t), "-size", "1000000", "-files", "60")
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
	if status, _, stderr := runHere(t.Context(), t, append(small, t.TempDir())...); status != exitFailure || stderr == "" {
		t.Errorf("without programs: status %d, %q", status, stderr)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if status, _, stderr := runHere(ctx, t, append(small, programs(t))...); status != exitInterrupted {
		t.Errorf("interrupted: status %d, %q", status, stderr)
	}
	if status, _, _ := runHere(t.Context(), t, "-no-such-flag"); status != exitUsage {
		t.Errorf("wrong flag: status %d", status)
	}
}

// A copy that differs must not pass for one that came back.
func TestDemoNoticesADifference(t *testing.T) {
	built, bin := programs(t), t.TempDir()
	if err := os.Symlink(filepath.Join(built, "ftpd"), filepath.Join(bin, "ftpd")); err != nil {
		t.Fatal(err)
	}
	script := "#!/bin/sh\n" + `"` + built + `/ftpc" "$@" || exit
case "$*" in *"get image.bin"*) printf x | dd of=back/image.bin conv=notrunc bs=1 seek=50 2>/dev/null; touch -r image.bin back/image.bin; esac
`
	if err := os.WriteFile(filepath.Join(bin, "ftpc"), []byte(script), 0o777); err != nil {
		t.Fatal(err)
	}
	status, _, stderr := runHere(t.Context(), t, "-bin", bin, "-size", "100", "-files", "3")
	if status != exitFailure || !strings.Contains(stderr, "the bytes differ") {
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

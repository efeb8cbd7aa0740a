//go:build unix

package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// smallOptions measure little, all in one directory, which must be empty again
// when the test ends.
func smallOptions(t *testing.T, bin string) options {
	t.Helper()
	dir := t.TempDir()
	t.Setenv("TMPDIR", dir)
	t.Cleanup(func() {
		if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
			t.Errorf("left behind: %v, %v", left, err)
		}
	})
	return options{bin: bin, disk: dir, size: 1 << 20, files: 20, runs: 2}
}

// programs builds ftpd and ftpc and returns their directory.
func programs(t *testing.T) string {
	t.Helper()
	bin := t.TempDir()
	build := exec.Command("go", "build", "-o", bin+"/", "./server/ftpd", "./client/ftpc")
	build.Dir = filepath.Join("..", "..")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return bin
}

func TestEveryPeerHasItsRows(t *testing.T) {
	o := smallOptions(t, programs(t))
	var out, notes strings.Builder
	if err := measureAll(t.Context(), o, peers(o.bin), &out, log.New(&notes, "", 0)); err != nil {
		t.Fatal(err)
	}
	for _, task := range []string{"put one file of 1 MiB", "get one file of 1 MiB", "put 20 files of 4 KiB", "get 20 files of 4 KiB"} {
		for _, p := range peers(o.bin) {
			if _, err := exec.LookPath("rsync"); err != nil && p.name == nameRsync {
				if !strings.Contains(notes.String(), "rsync --daemon is not installed") {
					t.Errorf("rsync is missing, and the notes do not say so: %q", notes.String())
				}
				continue
			}
			if start := "| " + task + " | " + p.name + " | 0."; strings.Count(out.String(), start) != 1 {
				t.Errorf("no row begins with %q in\n%s", start, out.String())
			}
		}
	}
}

// spoiled is cp with something done to the copy.
func spoiled(t *testing.T, command string) peer {
	t.Helper()
	p := copier()
	return peer{name: "spoiled", start: func(root string) (*session, error) {
		s, err := p.start(root)
		if err != nil {
			return nil, err
		}
		put := s.put
		s.put = func(local, remote string, tree bool) []string {
			line := put(local, remote, tree)
			script := fmt.Sprintf(`"$@" && cd %q/* && %s`, filepath.Join(root, targetDir), command)
			return append([]string{"sh", "-c", script, "sh"}, line...)
		}
		return s, nil
	}}
}

func TestACopyThatDiffersEndsTheRun(t *testing.T) {
	for _, tt := range []struct{ name, command, want string }{
		{"longer", "printf x >> image", "the source has 1048576 bytes, the copy 1048577"},
		{"first byte", "if test -f image; then printf x | dd of=image conv=notrunc 2>/dev/null; fi", "the bytes differ after offset 0"},
		{"one less", "if test -d tree; then rm tree/000/00007.dat; fi", "00007.dat"},
		{"one more", "if test -d tree; then : > tree/000/more; fi", "that the source has not"},
		{"another name", "if test -d tree; then mv tree/000/00001.dat tree/000/00002.dat; fi", "00001.dat"},
		{"failed", "echo the disk is full >&2; exit 1", "the disk is full"},
		{"a byte of a small file", "if test -d tree; then printf y | dd of=tree/000/00019.dat conv=notrunc bs=1 seek=7 2>/dev/null; fi", "the bytes differ"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o := smallOptions(t, "none")
			err := measureAll(t.Context(), o, []peer{spoiled(t, tt.command)}, io.Discard, log.New(io.Discard, "", 0))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
		})
	}
}

func TestAMissingToolIsLeftOut(t *testing.T) {
	absent := peer{name: "absent", start: func(string) (*session, error) { return nil, errMissing }}
	var out, notes strings.Builder
	if err := measureAll(t.Context(), smallOptions(t, "none"), []peer{absent, copier()}, &out, log.New(&notes, "", 0)); err != nil {
		t.Fatal(err)
	}
	if strings.Contains(out.String(), "absent") || notes.String() != "absent is not installed: its rows are left out\n" {
		t.Errorf("%s\n%s", notes.String(), out.String())
	}
}

func TestTheTimeRunsOut(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 0)
	defer cancel()
	err := measureAll(ctx, smallOptions(t, "none"), []peer{copier()}, io.Discard, log.New(io.Discard, "", 0))
	if err == nil || !strings.Contains(err.Error(), "stopped in put one file of 1 MiB of cp") {
		t.Errorf("error %v", err)
	}
}

func TestStatusOfTheProgram(t *testing.T) {
	var out, problems strings.Builder
	if status := run(t.Context(), []string{"-runs", "many"}, &out, &problems); status != exitUsage {
		t.Errorf("wrong flag: status %d", status)
	}
	o := smallOptions(t, t.TempDir())
	args := []string{"-bin", o.bin, "-disk", o.disk, "-memory", "", "-size", "10", "-files", "1"}
	if status := run(t.Context(), args, &out, &problems); status != exitFailure || !strings.Contains(problems.String(), "ftpd") {
		t.Errorf("no programs: status %d, %s", status, problems.String())
	}
}

func TestMedian(t *testing.T) {
	wall := func(s sample) time.Duration { return s.wall }
	if got := median([]sample{{wall: 9}, {wall: 1}, {wall: 5}}, wall); got != 5 {
		t.Errorf("of three: %d", got)
	}
	if got := median([]sample{{wall: 9}, {wall: 1}, {wall: 5}, {wall: 3}}, wall); got != 4 {
		t.Errorf("of four: %d", got)
	}
}

func TestSize(t *testing.T) {
	for n, want := range map[int64]string{0: "0 bytes", 1000: "1000 bytes", 1 << 10: "1 KiB", 3 << 20: "3 MiB", 1 << 30: "1 GiB", 1<<30 + 1: "1073741825 bytes"} {
		if got := size(n); got != want {
			t.Errorf("size(%d) = %q, want %q", n, got, want)
		}
	}
}

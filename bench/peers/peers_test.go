//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"ftpd/bench/peers/apt"
	"ftpd/bench/peers/process"
	"ftpd/bench/peers/tools"
	"ftpd/internal/trial"
)

// smallOptions measure little, all in one directory, which must be empty again
// when the test ends.
func smallOptions(t *testing.T) options {
	t.Helper()
	dir := t.TempDir()
	t.Cleanup(func() {
		if left, err := os.ReadDir(dir); err != nil || len(left) != 0 {
			t.Errorf("left behind: %v, %v", left, err)
		}
	})
	return options{disk: dir, size: 1 << 20, small: 20, runs: 2}
}

// bin is a directory for ftpd and ftpc, which are made when a test wants them.
var bin string

func TestMain(m *testing.M) {
	var err error
	if bin, err = os.MkdirTemp("", "peers-bin-"); err != nil {
		log.Fatal(err)
	}
	status := m.Run()
	_ = os.RemoveAll(bin) // a temporary directory, whatever becomes of it
	os.Exit(status)
}

var build = sync.OnceValue(func() error {
	cmd := exec.Command("go", "build", "-o", bin+"/", "./server/ftpd", "./client/ftpc")
	cmd.Dir = filepath.Join("..", "..")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("%w\n%s", err, out)
	}
	return nil
})

// programs returns the directory of ftpd and ftpc.
func programs(t *testing.T) string {
	t.Helper()
	if err := build(); err != nil {
		t.Fatal(err)
	}
	return bin
}

func quiet() *log.Logger { return log.New(io.Discard, "", 0) }

// named returns tools of All by their names.
func named(t *testing.T, bin string, names ...string) []tools.Tool {
	t.Helper()
	var found []tools.Tool
	for _, tool := range tools.All(bin, tools.NewFinder(apt.New(t.TempDir(), t.Logf))) {
		for _, name := range names {
			if tool.Name == name {
				found = append(found, tool)
			}
		}
	}
	if len(found) != len(names) {
		t.Fatalf("found %d tools of %q", len(found), names)
	}
	return found
}

func TestTheProductAndTheReference(t *testing.T) {
	o := smallOptions(t)
	o.many, o.runs = 5, 1
	m := newMeasurement(o, named(t, programs(t), tools.Product, tools.ProductQuick, tools.Reference), quiet())
	if err := m.all(t.Context()); err != nil {
		t.Fatal(err)
	}
	r := results{samples: m.samples}
	for _, task := range []task{
		{put, kind{0, 1 << 20}},
		{get, kind{0, 1 << 20}},
		{put, kind{20, smallFile}},
		{get, kind{20, smallFile}},
		{put, kind{5, tinyFile}},
		{get, kind{5, tinyFile}},
	} {
		for _, tool := range []string{tools.Product, tools.ProductQuick, tools.Reference} {
			samples := r.of(row{place: o.disk, task: task, tool: tool})
			if len(samples) != o.runs || samples[0].wall <= 0 || samples[0].client == "" {
				t.Errorf("%s by %s: %+v", task, tool, samples)
			}
		}
	}
}

// spoiled is cp with something done to the copy.
func spoiled(t *testing.T, command string) tools.Tool {
	t.Helper()
	tool := named(t, "", tools.Reference)[0]
	start := tool.Start
	tool.Name = "spoiled"
	tool.Start = func(ctx context.Context, p tools.Place) (*tools.Session, error) {
		s, err := start(ctx, p)
		if err != nil {
			return nil, err
		}
		client := s.Client("")
		put := client.Put
		client.Put = func(c tools.Copy) (process.Command, error) {
			line, err := put(c)
			script := fmt.Sprintf(`"$@" && cd %q/* && %s`, filepath.Join(p.Root, targetDir), command)
			return process.Command{Line: append([]string{"sh", "-c", script, "sh"}, line.Line...)}, err
		}
		s.Client = func(string) tools.Client { return client }
		return s, nil
	}
	return tool
}

func TestACopyThatDiffersHasNoTime(t *testing.T) {
	for _, tt := range []struct{ name, command, want string }{
		{"longer", "printf x >> image", "the source has 1048576 bytes, the copy 1048577"},
		{"first byte", "if test -f image; then printf x | dd of=image conv=notrunc 2>/dev/null; fi", "the bytes differ after offset 0"},
		{"one less", "if test -d tree-4096; then rm tree-4096/000/00007.dat; fi", "00007.dat"},
		{"one more", "if test -d tree-4096; then : > tree-4096/000/more; fi", "that the source has not"},
		{"failed", "echo the disk is full >&2; exit 1", "the disk is full"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tool := spoiled(t, tt.command)
			m := newMeasurement(smallOptions(t), []tools.Tool{tool}, quiet())
			err := m.all(t.Context())
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error %v, want one with %q", err, tt.want)
			}
			for of := range m.dropped {
				if n := len((results{samples: m.samples}).of(of)); n > 0 {
					t.Errorf("%d samples of %+v", n, of)
				}
			}
			if len(m.samples) == 0 {
				t.Error("what was right is missing too")
			}
		})
	}
}

func TestADroppedRowLosesWhatItHad(t *testing.T) {
	m := newMeasurement(options{}, nil, quiet())
	bad, good := row{tool: "bad"}, row{tool: "good"}
	m.samples = []sample{{row: bad}, {row: good}, {row: bad}}
	m.drop(bad, errors.New("the bytes differ"))
	if len(m.samples) != 1 || m.samples[0].row != good || !m.dropped[bad] || len(m.failed) != 1 {
		t.Errorf("%+v", m)
	}
}

// absent is a tool that cannot be started.
func absent(required bool) tools.Tool {
	return tools.Tool{Name: "absent", Required: required, Start: func(context.Context, tools.Place) (*tools.Session, error) {
		return nil, errors.New("the package is nowhere")
	}}
}

func TestAnAbsentToolIsLeftOut(t *testing.T) {
	var notes strings.Builder
	m := newMeasurement(smallOptions(t), []tools.Tool{absent(false), named(t, "", tools.Reference)[0]}, log.New(&notes, "", 0))
	if err := m.all(t.Context()); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(notes.String(), "absent is left out: the package is nowhere"); n != 1 {
		t.Errorf("noted %d times:\n%s", n, notes.String())
	}
	if got := (results{samples: m.samples}).tools(); len(got) != 1 || got[0] != tools.Reference {
		t.Errorf("rows of %q", got)
	}
	about := strings.Join(m.about(nil, tools.NewFinder(apt.New(t.TempDir(), t.Logf))), "\n")
	if !strings.Contains(about, "Left out: absent (the package is nowhere)") {
		t.Errorf("the results do not tell:\n%s", about)
	}
}

func TestTheProductCannotBeLeftOut(t *testing.T) {
	m := newMeasurement(smallOptions(t), []tools.Tool{absent(true)}, quiet())
	if err := m.all(t.Context()); err == nil || !strings.Contains(err.Error(), "nowhere") {
		t.Errorf("error %v", err)
	}
}

func TestWhatAToolCannotDo(t *testing.T) {
	tool := named(t, "", tools.Reference)[0]
	start := tool.Start
	tool.Start = func(ctx context.Context, p tools.Place) (*tools.Session, error) {
		s, err := start(ctx, p)
		client := s.Client("")
		client.Put = func(tools.Copy) (process.Command, error) { return process.Command{}, tools.ErrUnsupported }
		s.Client = func(string) tools.Client { return client }
		return s, err
	}
	m := newMeasurement(smallOptions(t), []tools.Tool{tool}, quiet())
	if err := m.all(t.Context()); err != nil {
		t.Fatal(err)
	}
	for _, s := range m.samples {
		if s.task.direction == put {
			t.Errorf("%+v", s)
		}
	}
}

func TestTheTimeRunsOut(t *testing.T) {
	ctx, cancel := context.WithTimeoutCause(t.Context(), 0, errLimit)
	defer cancel()
	m := newMeasurement(smallOptions(t), named(t, "", tools.Reference), quiet())
	err := m.all(ctx)
	if about := strings.Join(m.about(nil, tools.NewFinder(apt.New(t.TempDir(), t.Logf))), "\n"); !strings.Contains(about, "some rows have fewer runs") {
		t.Errorf("the results do not tell:\n%s", about)
	}
	if !errors.Is(err, errLimit) || !strings.Contains(err.Error(), "stopped in put one file of 1 MiB by cp") {
		t.Errorf("error %v", err)
	}
}

func TestInterruptedWhileAClientHangs(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	o := smallOptions(t)
	m := newMeasurement(o, []tools.Tool{spoiled(t, "exec sleep 1000")}, quiet())
	ended := make(chan error, 1)
	go func() { ended <- m.all(ctx) }()
	for deadline := time.Now().Add(30 * time.Second); ; {
		found, err := filepath.Glob(filepath.Join(o.disk, "*", targetDir, "1", "image"))
		if err != nil || time.Now().After(deadline) {
			t.Fatalf("no client has begun: %v", err)
		}
		if len(found) > 0 {
			break
		}
	}
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
}

func TestStatusOfTheProgram(t *testing.T) {
	var out, problems strings.Builder
	for _, wrong := range [][]string{{"-runs", "many"}, {"-runs", "0"}, {"-size", "-1"}, {"more"}, {"-redraw"}} {
		if status := run(t.Context(), wrong, &out, &problems); status != trial.ExitUsage {
			t.Errorf("%q: status %d", wrong, status)
		}
	}
	if status := run(t.Context(), []string{"-help"}, &out, &problems); status != 0 {
		t.Errorf("-help: status %d", status)
	}
	o := smallOptions(t)
	args := []string{"-bin", t.TempDir(), "-disk", o.disk, "-memory", "", "-size", "10", "-files", "0", "-many", "0", "-only", "ftpd"}
	if status := run(t.Context(), args, &out, &problems); status != trial.ExitFailure || !strings.Contains(problems.String(), "ftpd") {
		t.Errorf("no programs: status %d, %s", status, problems.String())
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if status := run(ctx, args, &out, &problems); status != trial.ExitInterrupted {
		t.Errorf("interrupted: status %d", status)
	}
}

func TestWritesEverything(t *testing.T) {
	o := smallOptions(t)
	dir := filepath.Join(t.TempDir(), "new")
	args := []string{"-disk", o.disk, "-memory", filepath.Join(o.disk, "none"), "-size", "10", "-files", "2", "-many", "0", "-only", "cp|none", "-runs", "1", "-out", dir}
	var out, problems strings.Builder
	if status := run(t.Context(), args, &out, &problems); status != 0 {
		t.Fatalf("status %d, %s", status, problems.String())
	}
	tables, err := os.ReadFile(filepath.Join(dir, tablesFile))
	if err != nil || string(tables) != out.String() || !strings.Contains(out.String(), "### Put one file of 10 bytes in ") {
		t.Errorf("%v, printed:\n%s", err, out.String())
	}
	if strings.Contains(out.String(), dir) {
		t.Errorf("the results name a directory of this machine:\n%s", out.String())
	}
	if err := os.Remove(filepath.Join(dir, tablesFile)); err != nil {
		t.Fatal(err)
	}
	if status := run(t.Context(), []string{"-redraw", "-out", dir}, &out, &problems); status != 0 {
		t.Fatalf("status %d, %s", status, problems.String())
	}
	if again, err := os.ReadFile(filepath.Join(dir, tablesFile)); err != nil || !bytes.Equal(again, tables) {
		t.Errorf("%v, drawn again:\n%s", err, again)
	}
	if charts, err := filepath.Glob(filepath.Join(dir, "copies-*.[ps]*g")); err != nil || len(charts) != 2 {
		t.Errorf("charts %q, %v", charts, err)
	}
}

func TestThroughDelays(t *testing.T) {
	o := smallOptions(t)
	o.delays, o.runs, o.out = "0,5ms", 1, t.TempDir()
	m := newMeasurement(o, named(t, programs(t), tools.Product, tools.Reference), quiet())
	var out strings.Builder
	if err := measureLatency(t.Context(), m, func() []string { return []string{"a machine"} }, &out); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"- a machine\n- A relay", "| put 20 files of 4 KiB | " + tools.Product + " | 0s | 1 |", "| get 20 files of 4 KiB | " + tools.Product + " | 5ms | 1 |"} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("no %q in\n%s", want, out.String())
		}
	}
	for _, s := range m.samples {
		// The connection, then a request: at least two round trips.
		if s.wall < 4*s.delay {
			t.Errorf("%v is less than the delay allows: %+v", s.wall, s)
		}
	}
	for _, wrong := range []string{"", "1", "-1s", "1s,x"} {
		if _, err := parseDelays(wrong); err == nil {
			t.Errorf("%q was taken", wrong)
		}
	}
}

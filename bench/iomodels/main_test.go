//go:build linux

package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"ftpd/bench/iomodels/models"
)

const testPatience = 30 * time.Second

// TestMain lets this test program be the children that the measurement starts.
func TestMain(m *testing.M) {
	args := os.Args[1:]
	switch {
	case len(args) == 2 && args[0] == asServer && args[1] == "absent":
		fmt.Println(saysAddress + "127.0.0.1:1")
		fmt.Println(saysUnavailable+models.ErrUnavailable.Error()+":", "as a test wants it")
		os.Exit(1)
	case len(args) == 2 && args[0] == asServer && args[1] == "broken":
		fmt.Fprintln(os.Stderr, "broken as a test wants it")
		os.Exit(1)
	case len(args) == 2 && (args[0] == asServer || args[0] == asGenerator):
		os.Exit(run(context.Background(), args, os.Stdin, os.Stdout, os.Stderr))
	}
	// A program with the race detector waits a second before it ends, and there are
	// dozens of them here.
	if err := os.Setenv("GORACE", "atexit_sleep_ms=0"); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

func smallPlan() plan {
	return plan{
		idle: []int{1, 20}, active: []int{1, 4},
		warm: time.Millisecond, measure: 20 * time.Millisecond, settle: time.Millisecond, rest: 10 * time.Millisecond,
		heavy: 60 * time.Millisecond, rounds: 2, limit: testPatience,
	}
}

// TestMeasuresEveryModel takes more time for each row where a busy machine leaves
// one without an answer.
func TestMeasuresEveryModel(t *testing.T) {
	p := smallPlan()
	p.idle, p.active, p.rounds = []int{20}, []int{4}, 1
	for ; ; p.measure *= 8 {
		var table, notes bytes.Buffer
		if err := measureAll(t.Context(), options{plan: p}, &table, log.New(&notes, "", 0)); err != nil {
			t.Fatal(err)
		}
		lacking := lackingRows(table.String(), notes.String())
		if len(lacking) == 0 {
			return
		}
		if p.measure > time.Second {
			t.Fatalf("no values behind %q in\n%s", lacking, table.String())
		}
	}
}

// lackingRows returns the beginnings of the rows that a table should have and has
// not, or has without values.
func lackingRows(table, notes string) (lacking []string) {
	want := []string{"| heavy | epoll-offload | 0 | 16 | "}
	for _, m := range models.All() {
		if strings.Contains(notes, m.Name+" is left out") {
			continue
		}
		for _, row := range []string{"| idle | %s | 20 | 0 | ", "| busy | %s | 20 | 4 | ", "| calm | %s | 0 | 16 | ", "| heavy | %s | 0 | 16 | "} {
			want = append(want, fmt.Sprintf(row, m.Name))
		}
	}
	for _, row := range want {
		if _, values, found := strings.Cut(table, row); !found || strings.HasPrefix(values, " |") {
			lacking = append(lacking, row)
		}
	}
	return lacking
}

func TestOneModelInRounds(t *testing.T) {
	var table bytes.Buffer
	o := options{plan: smallPlan(), model: "epoll"}
	if err := measureAll(t.Context(), o, &table, log.New(&table, "", 0)); err != nil {
		t.Fatal(err)
	}
	if n := strings.Count(table.String(), "| epoll |"); n != 2+2*2+2 {
		t.Errorf("%d rows:\n%s", n, table.String())
	}
	if !strings.Contains(table.String(), "2 rounds in turns") {
		t.Errorf("heading of\n%s", table.String())
	}
}

// select has no bit for descriptor 1,024: that is a row, and no failure.
func TestSelectStopsAtItsLimit(t *testing.T) {
	p := smallPlan()
	p.idle, p.active, p.rounds = []int{1100}, []int{1}, 1
	var table bytes.Buffer
	if err := measureAll(t.Context(), options{plan: p, model: "select"}, &table, log.New(&table, "", 0)); err != nil {
		t.Fatal(err)
	}
	for _, row := range []string{"| idle | select | 1,100 | 0 | ", "| busy | select | 1,100 | 1 | "} {
		_, rest, _ := strings.Cut(table.String(), row)
		line, _, _ := strings.Cut(rest, "\n")
		if !strings.Contains(line, "ErrTooManyFiles at descriptor 1024") {
			t.Errorf("%s%s\n%s", row, line, table.String())
		}
	}
}

func TestStarvedPool(t *testing.T) {
	p := smallPlan()
	p.idle, p.active, p.rounds = []int{300}, []int{1}, 1
	var table bytes.Buffer
	if err := measureAll(t.Context(), options{plan: p, model: "thread-pool"}, &table, log.New(&table, "", 0)); err != nil {
		t.Fatal(err)
	}
	if !strings.Contains(table.String(), "256 of 300 connections served: no answer") {
		t.Error(table.String())
	}
}

func measurementOf(notes *bytes.Buffer) *measurement {
	return &measurement{plan: smallPlan(), missing: make(map[string]bool), notes: log.New(notes, "", 0)}
}

func TestUnavailableModelIsLeftOut(t *testing.T) {
	var notes bytes.Buffer
	m := measurementOf(&notes)
	for range 2 {
		err := m.with(t.Context(), "absent", func(ctx context.Context, s *server, model string) error {
			return m.rung(ctx, s, model, 1)
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if len(m.samples) != 0 || strings.Count(notes.String(), "absent is left out") != 1 || !strings.Contains(notes.String(), "as a test wants it") {
		t.Errorf("%d samples, notes %q", len(m.samples), notes.String())
	}
}

func TestBrokenServerIsAnError(t *testing.T) {
	var notes bytes.Buffer
	err := measurementOf(&notes).with(t.Context(), "broken", nil)
	if err == nil || !strings.Contains(err.Error(), "broken as a test wants it") {
		t.Errorf("error %v", err)
	}
}

// alive says whether a process runs: one that ended and was not waited for does not.
func alive(pid int) bool {
	_, err := os.Stat(filepath.Join("/proc", strconv.Itoa(pid), "exe"))
	return err == nil
}

func TestInterruptEndsTheChildren(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	var notes bytes.Buffer
	m := measurementOf(&notes)
	var pids []int
	err := m.with(ctx, "epoll", func(ctx context.Context, s *server, _ string) error {
		g, err := startGenerator(ctx, s.address)
		if err != nil {
			return err
		}
		pids = append(pids, s.cmd.Process.Pid, g.cmd.Process.Pid)
		cancel()
		return errors.Join(pause(ctx, testPatience), g.stop())
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("error %v", err)
	}
	for _, pid := range pids {
		if alive(pid) {
			t.Errorf("process %d is alive", pid)
		}
	}
	if len(pids) != 2 {
		t.Errorf("%d children", len(pids))
	}
}

func TestTimeIsUp(t *testing.T) {
	var notes bytes.Buffer
	m := measurementOf(&notes)
	begun, err := m.rounds(t.Context(), time.Now().Add(-time.Second))
	if begun != 1 && err == nil && len(m.models) > 0 {
		t.Errorf("%d rounds, %v", begun, err)
	}
	m.models = models.All()
	if begun, err = m.rounds(t.Context(), time.Now().Add(-time.Second)); begun != 1 || err != nil || len(m.samples) != 0 {
		t.Errorf("%d rounds, %v, %d samples", begun, err, len(m.samples))
	}
	if !strings.Contains(notes.String(), "the time is up in round 1 of 2") {
		t.Errorf("notes %q", notes.String())
	}
}

// Each round begins with another model.
func TestModelsTakeTurns(t *testing.T) {
	m := &measurement{plan: smallPlan(), models: models.All()}
	if got, want := len(m.steps(0)), 2*len(m.models); got != want {
		t.Errorf("%d steps, want %d", got, want)
	}
}

func TestCommandLine(t *testing.T) {
	for _, tt := range []struct {
		args   string
		status int
		done   bool
	}{
		{"", 0, false},
		{"-quick -model io_uring -limit 5s -out x", 0, false},
		{"-help", 0, true},
		{"-model telepathy", exitUsage, true},
		{"extra", exitUsage, true},
		{"-wrong", exitUsage, true},
	} {
		var stderr bytes.Buffer
		o, status, done := parse(strings.Fields(tt.args), &stderr)
		if status != tt.status || done != tt.done || (status != 0) != (done && stderr.Len() > 0 && tt.args != "-help") {
			t.Errorf("%q: %+v, %d, %v, %q", tt.args, o, status, done, stderr.String())
		}
		if !done && len(o.plan.idle) < 4 {
			t.Errorf("%q: plan %+v", tt.args, o.plan)
		}
	}
}

func TestServeKnowsItsModels(t *testing.T) {
	var stderr bytes.Buffer
	if status := run(t.Context(), []string{asServer, "telepathy"}, nil, &stderr, &stderr); status != exitFailure {
		t.Errorf("status %d, %q", status, stderr.String())
	}
}

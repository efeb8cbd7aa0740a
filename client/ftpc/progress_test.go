package main

import (
	"os"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// newLines returns the plain display with what it prints.
func newLines() (*lines, *strings.Builder) {
	var printed strings.Builder
	return &lines{out: newTestConsole(&printed)}, &printed
}

func TestLines(t *testing.T) {
	tests := []struct {
		name string
		show func(*lines)
		want string
	}{
		{
			"under way",
			func(l *lines) {
				l.update(counts{files: 10, filesDone: 3, bytes: 4 << 20, moved: 1 << 20, elapsed: 2 * time.Second})
			},
			"ftpc: get: 3 of 10 files, 1.0 MiB of 4.0 MiB, 512 KiB/s, 6s left\n",
		},
		{
			"of unknown size",
			func(l *lines) { l.update(counts{files: 1, moved: 1 << 20, unknown: true, elapsed: time.Second}) },
			"ftpc: get: 0 of 1 file, 1.0 MiB, 1.0 MiB/s\n",
		},
		{
			"well done",
			func(l *lines) { l.finish(counts{filesDone: 2, moved: 3000, elapsed: 90 * time.Second}, true) },
			"ftpc: get: 2 files, 2.9 KiB in 1m30s, 33 B/s\n",
		},
		{
			"at once",
			func(l *lines) { l.finish(counts{filesDone: 1}, true) },
			"ftpc: get: 1 file, 0 B in 0s, 0 B/s\n",
		},
		{"failed", func(l *lines) { l.finish(counts{filesDone: 1}, false) }, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			l, printed := newLines()
			tt.show(l)
			if printed.String() != tt.want {
				t.Errorf("%q, want %q", printed.String(), tt.want)
			}
		})
	}
}

// A line appears at each interval, and none after the end.
func TestProgressAtIntervals(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var printed strings.Builder
		p := &progress{out: newTestConsole(&printed), mode: "plain"}
		p.start()
		p.Expect(1, 6<<10)
		for range 2 {
			p.Moved(2 << 10)
			time.Sleep(5*time.Second + time.Millisecond) // the clock of the test's bubble
		}
		p.Moved(2 << 10)
		p.Done(1)
		p.stop(true)
		want := "ftpc: get: 0 of 1 file, 2.0 KiB of 6.0 KiB, 409 B/s, 10s left\n" +
			"ftpc: get: 0 of 1 file, 4.0 KiB of 6.0 KiB, 409 B/s, 5s left\n" +
			"ftpc: get: 1 file, 6.0 KiB in 10s, 614 B/s\n"
		if printed.String() != want {
			t.Errorf("%q", printed.String())
		}
	})
}

func TestNoProgress(t *testing.T) {
	file, err := os.Create(t.TempDir() + "/stderr")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	for _, mode := range []string{"none", "auto"} { // a file is no terminal
		p := &progress{out: newConsole(file, file), mode: mode}
		p.start()
		p.stop(true)
		if p.show != nil {
			t.Errorf("%s shows something", mode)
		}
	}
}

func TestRoundSeconds(t *testing.T) {
	tests := map[time.Duration]string{
		1234567:             "1ms",
		1234567890:          "1.2s",
		100*time.Second + 1: "1m40s",
	}
	for in, want := range tests {
		if got := roundSeconds(in); got != want {
			t.Errorf("roundSeconds(%d) = %s, want %s", in, got, want)
		}
	}
}

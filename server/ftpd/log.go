//go:build unix

package main

import (
	"fmt"
	"io"
	"strconv"
	"sync"
	"time"
	"unicode/utf16"
	"unicode/utf8"
)

// logPatience is how long the end of the process waits for the log to be
// written: whoever reads it may have stopped, and never come back.
const logPatience = time.Second

// logBacklog bounds the lines that wait to be written.
const logBacklog = 4096

// logWriter writes lines on a goroutine of its own, so that a log nobody reads
// never stops the loop. Lines that find the backlog full are dropped and
// counted.
type logWriter struct {
	lines   chan []byte
	done    chan struct{}
	mu      sync.Mutex
	dropped int
	closed  bool
}

func newLogWriter(to io.Writer) *logWriter {
	w := &logWriter{lines: make(chan []byte, logBacklog), done: make(chan struct{})}
	go w.run(to)
	return w
}

// Write queues one line; it never blocks and never fails.
func (w *logWriter) Write(line []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.closed {
		return len(line), nil
	}
	if w.dropped > 0 {
		note := fmt.Appendf(nil, "ftpd: %d lines of this log were dropped: they came faster than they were read\n", w.dropped)
		select {
		case w.lines <- note:
			w.dropped = 0
		default:
		}
	}
	select {
	case w.lines <- append([]byte(nil), line...):
	default:
		w.dropped++
	}
	return len(line), nil
}

func (w *logWriter) run(to io.Writer) {
	defer close(w.done)
	for line := range w.lines {
		_, _ = to.Write(line) // there is nobody left to tell
	}
}

// printable escapes in lines of JSON what slog's handler leaves as it is, and a
// terminal may obey: control characters above 0x7e, and those that turn the direction
// of writing. In JSON they can stand in strings only (RFC 8259, 7).
type printable struct{ to io.Writer }

// Write is part of io.Writer.
func (p printable) Write(line []byte) (int, error) {
	var b []byte
	for i, r := range string(line) {
		switch {
		case strconv.IsPrint(r) || r == '\n':
			if b != nil {
				b = utf8.AppendRune(b, r)
			}
			continue
		case b == nil:
			b = append(make([]byte, 0, len(line)+64), line[:i]...)
		}
		for _, unit := range utf16.AppendRune(nil, r) {
			b = fmt.Appendf(b, "\\u%04x", unit)
		}
	}
	if b == nil {
		b = line
	}
	if _, err := p.to.Write(b); err != nil {
		return 0, err
	}
	return len(line), nil
}

// Close writes what waits, for at most limit, and reports whether all was
// written; where it was not, the goroutine stays behind. Lines that come later
// are lost.
func (w *logWriter) Close(limit time.Duration) bool {
	w.mu.Lock()
	w.closed = true
	w.mu.Unlock()
	close(w.lines)
	timer := time.NewTimer(limit)
	defer timer.Stop()
	select {
	case <-w.done:
		return true
	case <-timer.C:
		return false
	}
}

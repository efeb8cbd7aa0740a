//go:build unix

package main

import (
	"bufio"
	"bytes"
	"io"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestLogIsWritten: what waits when the log is closed is written.
func TestLogIsWritten(t *testing.T) {
	var out bytes.Buffer
	w := newLogWriter(&out)
	for range 1000 {
		_, _ = w.Write([]byte("line\n"))
	}
	if !w.Close(time.Minute) {
		t.Error("it gave up")
	}
	if got := strings.Count(out.String(), "line\n"); got != 1000 {
		t.Errorf("%d lines were written", got)
	}
	_, _ = w.Write([]byte("late\n"))
}

// stuck is a standard error that nobody reads, until it is closed.
type stuck chan struct{}

func (s stuck) Write([]byte) (int, error) {
	<-s
	return 0, io.ErrClosedPipe
}

// TestStopWithLogThatNobodyReads ends the server, whose log is stuck, by a
// signal, and with an error to tell besides.
func TestStopWithLogThatNobodyReads(t *testing.T) {
	stderr := make(stuck)
	defer close(stderr)
	r, stdout := io.Pipe()
	status := make(chan int, 1)
	go func() {
		status <- run([]string{"ftpd", "--root", t.TempDir(), "--listen", "127.0.0.1:0", "--confine", "off"}, stdout, stderr)
	}()
	if line, err := bufio.NewReader(r).ReadString('\n'); err != nil {
		t.Fatalf("the server said %q, %v", line, err)
	}
	if err := syscall.Kill(syscall.Getpid(), syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if got := <-status; got != 0 {
		t.Errorf("status %d after a signal", got)
	}
	if got := run([]string{"ftpd", "--root", "/does/not/exist"}, io.Discard, stderr); got != exitFailure {
		t.Errorf("status %d of a server that cannot start", got)
	}
}

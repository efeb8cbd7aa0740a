//go:build unix

package reactor_test

import (
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"ftpd/selector"
	"ftpd/server/reactor"
)

func TestMaxClients(t *testing.T) {
	r := start(t, reactor.Config{MaxClients: 2})
	for range 3 {
		conn := r.dial(t)
		say(t, conn, "x")
		hear(t, conn, "x")
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.full != 1 {
		t.Errorf("%d sessions were told that the server is full", r.full)
	}
}

// TestBeyondSelect has more connections than select(2) can watch: those beyond are
// told that the server is full, and those inside are served.
func TestBeyondSelect(t *testing.T) {
	limit := selector.Select.Limit()
	if limit == 0 {
		t.Skip("this platform's selectors have no limit")
	}
	r := start(t, reactor.Config{Selector: selector.Select})
	inside := r.dial(t)
	say(t, inside, "x")
	hear(t, inside, "x")
	var files []int
	defer func() {
		for _, fd := range files {
			_ = unix.Close(fd)
		}
	}()
	for highest := 0; highest < limit; {
		fd, err := unix.Dup(1)
		if err != nil {
			t.Fatal(err)
		}
		files, highest = append(files, fd), fd
	}
	if got := r.reason(r.dial(t)); got != reactor.ReasonSelectorError {
		t.Errorf("closed for %q", got)
	}
	r.mu.Lock()
	full := r.full
	r.mu.Unlock()
	if full != 1 {
		t.Errorf("%d sessions were told that the server is full", full)
	}
	say(t, inside, "y")
	hear(t, inside, "y")
}

// TestNoDescriptors takes all descriptors away: accepting rests, those inside
// are served, and newcomers are when there are descriptors again.
func TestNoDescriptors(t *testing.T) {
	var log safeLog
	r := start(t, reactor.Config{AcceptPause: time.Millisecond, Logger: slog.New(slog.NewTextHandler(&log, nil))})
	inside := r.dial(t)
	say(t, inside, "x")
	hear(t, inside, "x")
	waiting := r.dialRaw(t)

	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	full := limit
	full.Cur = 3 // below what is open already: nothing more is given
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &full); err != nil {
		t.Skipf("the limit of descriptors cannot be lowered here: %v", err)
	}
	sa := &unix.SockaddrInet4{Port: int(netip.MustParseAddrPort(r.address).Port()), Addr: [4]byte{127, 0, 0, 1}}
	err := unix.Connect(waiting, sa)
	for begun := time.Now(); err == nil && time.Since(begun) < 20*time.Millisecond; { // rests, over and over
		say(t, inside, "y")
		hear(t, inside, "y")
	}
	accepted := r.Stats().Accepted
	if restored := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); restored != nil || err != nil {
		t.Fatal(restored, err)
	}
	if accepted != 1 {
		t.Errorf("%d connections were accepted without descriptors", accepted)
	}
	if _, err := unix.Write(waiting, []byte("z")); err != nil {
		t.Fatal(err)
	}
	got := make([]byte, 1)
	if _, err := unix.Read(waiting, got); err != nil || got[0] != 'z' {
		t.Errorf("heard %q, %v", got, err)
	}
	for _, said := range []string{"accepting rests", "accepting goes on"} {
		if n := strings.Count(log.String(), said); n != 1 {
			t.Errorf("logged %q %d times:\n%s", said, n, log.String())
		}
	}
}

// safeLog is a log that is read while it is written.
type safeLog struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *safeLog) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *safeLog) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// dialRaw opens a socket whose descriptor is there before connecting.
func (r *running) dialRaw(t *testing.T) int {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	return fd
}

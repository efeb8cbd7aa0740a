//go:build unix

package selector

import (
	"encoding/binary"
	"errors"
	"runtime"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func openWakeup(t *testing.T) *wakeup {
	t.Helper()
	w := &wakeup{}
	if err := w.open(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if w.usable.Load() {
			_ = w.close()
		}
	})
	return w
}

// waitFor gives way to other goroutines until the condition holds.
func waitFor(t *testing.T, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(20 * time.Second); !condition(); runtime.Gosched() {
		if time.Now().After(deadline) {
			t.Fatal("the condition did not come true")
		}
	}
}

// Any number of wakes leaves one signal in the notifier: one system call.
func TestWakesAreCoalesced(t *testing.T) {
	w := openWakeup(t)
	flags, err := unix.FcntlInt(uintptr(w.fd()), unix.F_GETFL, 0)
	if err != nil || flags&unix.O_NONBLOCK == 0 {
		t.Fatalf("flags %#x, %v, want O_NONBLOCK", flags, err)
	}
	for round := range 3 {
		for range 100 {
			if err := w.wake(); err != nil {
				t.Fatal(err)
			}
		}
		// An eventfd gives its counter, a pipe a byte for each write.
		buf := make([]byte, 16)
		n, err := unix.Read(w.fd(), buf)
		if n != 1 && (n != 8 || binary.NativeEndian.Uint64(buf) != 1) {
			t.Errorf("round %d: read %d bytes %v, %v, want one signal", round, n, buf[:n], err)
		}
		w.drain()
	}
}

// A wake beside a drain must not be left pending without its signal: no later
// wake would send one, and the Selector would sleep through them all.
func TestDrainKeepsLaterWakes(t *testing.T) {
	w := openWakeup(t)
	for range 3000 {
		if err := w.wake(); err != nil {
			t.Fatal(err)
		}
		var beside sync.WaitGroup
		beside.Go(func() {
			for range 3 {
				if err := w.wake(); err != nil {
					t.Error(err)
				}
			}
		})
		w.drain()
		beside.Wait()
		pending := w.pending.Load()
		if _, err := unix.Read(w.fd(), make([]byte, 8)); err != nil && pending {
			t.Fatalf("a wake is pending, and there is no signal: %v", err)
		}
		w.drain()
	}
}

// A wake that was decided on before the close, and comes to write after it, finds
// the notifier gone and must not touch its number.
func TestWakeAfterCloseWritesNothing(t *testing.T) {
	w := openWakeup(t)
	w.mu.Lock() // as close does
	result := make(chan error, 1)
	go func() { result <- w.wake() }()
	waitFor(t, w.pending.Load)
	w.usable.Store(false)
	if err := w.notifier.close(); err != nil {
		t.Error(err)
	}
	w.mu.Unlock()
	if err := <-result; !errors.Is(err, ErrClosed) {
		t.Errorf("wake: %v, want ErrClosed", err)
	}
}

// A close waits for the wake that is about to write.
func TestCloseWaitsForWake(t *testing.T) {
	w := openWakeup(t)
	w.mu.Lock() // as wake does
	result := make(chan error, 1)
	go func() { result <- w.close() }()
	for range 1000 {
		runtime.Gosched()
	}
	if len(result) != 0 {
		t.Error("close did not wait")
	}
	w.mu.Unlock()
	if err := <-result; err != nil {
		t.Error(err)
	}
}

func TestWakeReportsFailure(t *testing.T) {
	w := openWakeup(t)
	if err := w.notifier.close(); err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second is not taken for one that is pending
		if err := w.wake(); !errors.Is(err, unix.EBADF) {
			t.Errorf("wake: %v, want EBADF", err)
		}
	}
	w.usable.Store(false)
}

package selector_test

import (
	"os"
	"os/signal"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// A signal to the thread that waits ends the wait, with no events and no error.
// It is sent again until it meets the wait: it may come before.
func TestInterruptedSelect(t *testing.T) {
	eachKind(t, func(f *fixture) {
		signals := make(chan os.Signal, 1)
		signal.Notify(signals, unix.SIGUSR1)
		defer signal.Stop(signals)

		thread, done := make(chan int, 1), make(chan struct{})
		go func() {
			defer close(done)
			runtime.LockOSThread()
			defer runtime.UnlockOSThread()
			thread <- unix.Gettid()
			events, err := f.s.Select(nil, -1)
			if len(events) != 0 || err != nil {
				f.Errorf("got %v, %v, want neither events nor an error", events, err)
			}
		}()
		tid := <-thread
		deadline := time.After(patience)
		for again := time.NewTicker(time.Millisecond); ; {
			f.must(unix.Tgkill(unix.Getpid(), tid, unix.SIGUSR1))
			select {
			case <-done:
				again.Stop()
				<-signals
				return
			case <-again.C:
			case <-deadline:
				f.Fatal("the signal did not end the wait")
			}
		}
	})
}

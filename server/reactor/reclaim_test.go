//go:build unix

package reactor_test

import (
	"testing"
	"time"

	"ftpd/server/reactor"
)

// TestReclaim has peers that ask for more than there is memory and take none of it,
// but for a byte now and then. Another connection that waits for memory gets it, and
// one that takes what it is sent loses nothing.
func TestReclaim(t *testing.T) {
	r := start(t, reactor.Config{Memory: 1, HoldTimeout: 50 * time.Millisecond})
	conn := r.dial(t)
	greedy := r.dial(t)
	say(t, greedy, "G")
	ended := make(chan struct{})
	go func() { // a byte now and then is no sign of life
		defer close(ended)
		nibbles := time.NewTicker(10 * time.Millisecond)
		defer nibbles.Stop()
		for err := error(nil); err == nil; <-nibbles.C {
			_, err = greedy.Read(make([]byte, 1))
		}
	}()
	if got := r.reason(greedy); got != reactor.ReasonMemory {
		t.Errorf("closed for %q", got)
	}
	say(t, conn, "x")
	hear(t, conn, "x")
	_ = greedy.Close()
	<-ended
}

package selector

import (
	"sync"
	"sync/atomic"
)

// wakeupGen marks the wake-up descriptor among the readiness that a backend
// reports. No registration has it.
const wakeupGen uint32 = 0

// A wakeup makes a wait return from another goroutine: it signals a notifier,
// the platform's own descriptor (wakeup_*.go), which the backend watches like
// any other.
//
// wake is safe from any goroutine. The rest belongs to the Selector's goroutine.
type wakeup struct {
	// pending is true from the first wake until a wait has seen it. Wakes in
	// between have nothing to add.
	pending atomic.Bool
	// mu is held to use and to close the notifier, so that no wake writes to a
	// descriptor that was closed, and is another file by now.
	mu       sync.Mutex
	usable   atomic.Bool // between open and close
	notifier *notifier
}

func (w *wakeup) open() error {
	n, err := openNotifier()
	if err != nil {
		return err
	}
	w.notifier = n
	w.usable.Store(true)
	return nil
}

// fd returns the descriptor that is readable while a wake is pending.
func (w *wakeup) fd() int { return w.notifier.fd() }

func (w *wakeup) wake() error {
	if !w.usable.Load() {
		return ErrClosed
	}
	if w.pending.Swap(true) {
		return nil
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.usable.Load() {
		return ErrClosed
	}
	if err := w.notifier.signal(); err != nil {
		w.pending.Store(false)
		return err
	}
	return nil
}

// drain makes the next wake count. The notifier is emptied first: in the other
// order a wake in between would set pending and have its signal taken away, and
// no later wake would send one. A wake that finds pending still set is served by
// the Select that is about to return. Swap, not Store: it reads what the last
// wake wrote, so that all the caller did before that wake happens before this.
func (w *wakeup) drain() {
	w.notifier.drain()
	w.pending.Swap(false)
}

func (w *wakeup) close() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.usable.Store(false)
	return w.notifier.close()
}

package selector

import (
	"math"
	"time"
)

// A backend is one kernel interface. The Selector above it keeps the registry
// and calls it with valid transitions only: add for a descriptor that is not
// there, modify and remove for one that is, nothing after close. All calls come
// from the goroutine that owns the Selector.
type backend interface {
	// add watches fd. It fails, and watches nothing, if fd is not open. The
	// generation comes back with each readiness of this registration.
	add(fd int, gen uint32, interest Interest) error
	// modify replaces the interest of fd; gen is the one add was given.
	modify(fd int, gen uint32, interest Interest) error
	// remove stops watching fd, which may be closed, or be another file by now.
	// It cannot fail: in those cases there is nothing left to be removed by.
	remove(fd int)
	// wait appends what is ready to ready. See Selector.Select for timeout; a
	// wait that a signal interrupts is no error.
	wait(ready []readiness, timeout time.Duration) ([]readiness, error)
	close() error
}

// An opener is a backend that this platform has. Each platform_*.go has the
// table of them, openers, best first.
type opener struct {
	kind  Kind
	open  func() (backend, error)
	limit int // the lowest descriptor that the kind cannot watch; 0 is none
}

// takes says whether the kind can watch a descriptor of this number.
func (o opener) takes(fd int) bool { return o.limit == 0 || fd < o.limit }

// readiness is what a backend reports of one descriptor.
type readiness struct {
	fd    int32
	gen   uint32
	ready Interest // Read, Write, hangup
}

// hangup stands in a readiness, and nowhere else, for a hang-up or an error. It
// is kept apart until the interest of the key is known; see within.
const hangup Interest = 1 << 7

// within reduces r to what a key of the given interest asked for. A hang-up is
// reported as Read, or as Write to a key that waits for Write alone: it must
// not be lost, and the key must not see what it did not ask for.
func (r readiness) within(interest Interest) Interest {
	ready := r.ready
	if ready&hangup != 0 {
		if interest&Read != 0 {
			ready |= Read
		} else {
			ready |= Write
		}
	}
	return ready & interest
}

// maxWait is the longest time to wait in one call: what poll(2) and epoll_wait(2)
// can count.
const maxWait = math.MaxInt32 * time.Millisecond

// milliseconds converts a timeout for the kernel interfaces that count them in
// a C int: -1 for ever, rounded up, so that a positive timeout is never 0, and
// cut at maxWait.
func milliseconds(timeout time.Duration) int {
	if timeout < 0 {
		return -1
	}
	return int(roundUp(timeout, time.Millisecond))
}

// roundUp returns a timeout that is not negative, at most maxWait, in units.
func roundUp(timeout, unit time.Duration) int64 {
	timeout = min(timeout, maxWait)
	return int64((timeout + unit - 1) / unit)
}

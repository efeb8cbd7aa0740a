//go:build unix

package selector

import (
	"errors"
	"math"
	"testing"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// scripted is a backend that counts the calls to it and fails when told to.
type scripted struct {
	err    error
	calls  int
	closed bool
	next   []readiness
}

// newScripted returns a Selector over b, without a wake-up.
func newScripted(b backend) *Selector {
	s := &Selector{opener: opener{kind: Poll}, backend: b}
	s.wakeup.notifier = &notifier{}
	return s
}

func (b *scripted) add(int, uint32, Interest) error {
	b.calls++
	return b.err
}

func (b *scripted) modify(int, uint32, Interest) error {
	b.calls++
	return b.err
}

func (b *scripted) remove(int) { b.calls++ }

func (b *scripted) wait(ready []readiness, _ time.Duration) ([]readiness, error) {
	return append(ready, b.next...), b.err
}

func (b *scripted) close() error {
	b.closed = true
	return b.err
}

// A failing system call leaves the registry as it was, whatever it is.
func TestBackendFails(t *testing.T) {
	b := &scripted{}
	s := newScripted(b)
	key, err := s.Register(5, Read, "old")
	if err != nil {
		t.Fatal(err)
	}
	b.err = unix.ENOMEM
	if _, err := s.Register(6, Read, nil); !errors.Is(err, unix.ENOMEM) {
		t.Errorf("Register: %v, want ENOMEM", err)
	}
	if _, err := s.Modify(5, Write, "new"); !errors.Is(err, unix.ENOMEM) {
		t.Errorf("Modify: %v, want ENOMEM", err)
	}
	if _, err := s.Select(nil, 0); !errors.Is(err, unix.ENOMEM) {
		t.Errorf("Select: %v, want ENOMEM", err)
	}
	if s.Len() != 1 || s.at(6) != nil || s.at(5) != key || !key.Valid() ||
		key.Interest() != Read || key.Data() != "old" {
		t.Errorf("the registry changed: Len %d, key %+v", s.Len(), key)
	}
}

func TestModifyOfDataMakesNoCall(t *testing.T) {
	b := &scripted{}
	s := newScripted(b)
	if _, err := s.Register(5, Read, 1); err != nil {
		t.Fatal(err)
	}
	for i, step := range []struct {
		interest Interest
		calls    int
	}{{Read, 1}, {Read, 1}, {Write, 2}, {Write, 2}} {
		key, err := s.Modify(5, step.interest, i)
		if err != nil || key.Data() != i || b.calls != step.calls {
			t.Errorf("step %d: key %+v, %v after %d calls, want %d", i, key, err, b.calls, step.calls)
		}
	}
}

// What no kernel reports today: an event that the interest does not include is
// dropped, and so is one of another generation.
func TestDeliverDrops(t *testing.T) {
	b := &scripted{}
	s := newScripted(b)
	key, err := s.Register(5, Read, nil)
	if err != nil {
		t.Fatal(err)
	}
	b.next = []readiness{
		{fd: 5, gen: key.gen, ready: Write},
		{fd: 5, gen: key.gen + 1, ready: Read},
		{fd: 4, gen: key.gen, ready: Read},
		{fd: 999, gen: key.gen, ready: Read},
	}
	events := s.appendReady(t)
	if len(events) != 0 || s.Stale() != 3 {
		t.Errorf("got %v and Stale %d, want none and 3", events, s.Stale())
	}
}

func (s *Selector) appendReady(t *testing.T) []Event {
	t.Helper()
	ready, err := s.backend.wait(nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	s.ready = ready
	return s.deliver(nil)
}

func TestGenerationSkipsWakeup(t *testing.T) {
	s := &Selector{gen: math.MaxUint32 - 1}
	for _, want := range []uint32{math.MaxUint32, 1, 2} {
		if got := s.nextGen(); got != want {
			t.Errorf("generation %d, want %d", got, want)
		}
	}
}

func TestWithin(t *testing.T) {
	for _, test := range []struct{ ready, interest, want Interest }{
		{Read, Read, Read},
		{Read | Write, Read, Read},
		{Read | Write, Write, Write},
		{Write, Read, 0},
		{hangup, Read, Read},
		{hangup, Write, Write},
		{hangup, Read | Write, Read},
		{hangup | Write, Read | Write, Read | Write},
		{hangup | Read, Write, Write},
	} {
		if got := (readiness{ready: test.ready}).within(test.interest); got != test.want {
			t.Errorf("%#x within %s is %s, want %s", uint8(test.ready), test.interest, got, test.want)
		}
	}
}

func TestMilliseconds(t *testing.T) {
	for timeout, want := range map[time.Duration]int{
		math.MinInt64:                      -1,
		-1:                                 -1,
		0:                                  0,
		1:                                  1,
		time.Millisecond - 1:               1,
		time.Millisecond:                   1,
		time.Millisecond + 1:               2,
		3 * time.Second:                    3000,
		math.MaxInt32 * time.Millisecond:   math.MaxInt32,
		math.MaxInt32*time.Millisecond + 1: math.MaxInt32,
		math.MaxInt64:                      math.MaxInt32,
	} {
		if got := milliseconds(timeout); got != want {
			t.Errorf("%d ns is %d ms, want %d", timeout, got, want)
		}
	}
}

// The documented cost of a registration on 64-bit machines.
func TestKeySize(t *testing.T) {
	if size := unsafe.Sizeof(Key{}); size > 32 {
		t.Errorf("a Key takes %d bytes, more than the 32 documented", size)
	}
}

// A new set that does not take all keys is given up, and nothing changes.
func TestReplaceBackend(t *testing.T) {
	for _, test := range []struct {
		err   error
		taken bool
	}{{nil, true}, {unix.ENOMEM, false}, {unix.ENOSPC, false}} {
		old, fresh := &scripted{}, &scripted{err: test.err}
		s := &Selector{opener: opener{kind: Poll}, backend: old}
		if err := s.wakeup.open(); err != nil {
			t.Fatal(err)
		}
		if _, err := s.Register(5, Read, nil); err != nil {
			t.Fatal(err)
		}
		s.replaceBackend(fresh)
		if taken := s.backend == fresh; taken != test.taken || old.closed != taken || fresh.closed == taken {
			t.Errorf("%v: taken %t, old closed %t, new closed %t", test.err, taken, old.closed, fresh.closed)
		}
		if err := s.wakeup.close(); err != nil {
			t.Error(err)
		}
	}
}

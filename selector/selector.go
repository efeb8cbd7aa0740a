package selector

import (
	"errors"
	"fmt"
	"iter"
	"math"
	"time"
)

// A Selector is a set of registered descriptors that can be waited on. It is
// made by New or Open, and belongs to one goroutine; only Wake may be called
// from others. The zero value is as a closed one. The package documentation
// states the contract.
type Selector struct {
	opener  opener
	backend backend     // nil once closed
	keys    []*Key      // indexed by descriptor, nil where none is registered
	count   int         // keys that are not nil
	gen     uint32      // the generation given out last
	stale   uint64      // see Stale
	ready   []readiness // what the backend reported last; kept for its memory
	wakeup  wakeup
}

// New returns a Selector of the best kind for this platform: Open(Auto).
func New() (*Selector, error) { return Open(Auto) }

// Open returns an empty Selector of the given kind. It is ErrUnsupported if
// Kinds does not list it, and wraps the errno if the kernel refuses
// (EMFILE, ENFILE, ENOMEM). A Selector takes at most three descriptors of its
// own, all close-on-exec.
func Open(kind Kind) (*Selector, error) {
	for _, o := range openers() {
		if kind == o.kind || kind == Auto {
			s := &Selector{opener: o}
			if err := s.open(); err != nil {
				return nil, failure("open "+o.kind.String(), err)
			}
			return s, nil
		}
	}
	return nil, failure("open "+kind.String(), ErrUnsupported)
}

func (s *Selector) open() error {
	b, err := s.opener.open()
	if err != nil {
		return err
	}
	if err := s.wakeup.open(); err != nil {
		return errors.Join(err, b.close())
	}
	if !s.opener.takes(s.wakeup.fd()) {
		return errors.Join(ErrTooManyFiles, s.wakeup.close(), b.close())
	}
	if err := b.add(s.wakeup.fd(), wakeupGen, Read); err != nil {
		return errors.Join(err, s.wakeup.close(), b.close())
	}
	s.backend = b
	return nil
}

// Kind returns the kind in use: never Auto, and the same after Close.
func (s *Selector) Kind() Kind { return s.opener.kind }

// Register adds a descriptor and returns its new Key. data is the caller's and
// may be nil. It is ErrInvalid for a negative descriptor, for the Selector's own
// and for an interest that is not Read, Write or both, ErrExists if the descriptor is registered,
// ErrTooManyFiles if its number is at or above Kind.Limit, and wraps the errno if
// the kernel refuses: EBADF for one that is not open, EPERM for a regular file or
// directory with epoll (poll and select take these, always ready).
func (s *Selector) Register(fd int, interest Interest, data any) (*Key, error) {
	key, err := s.register(fd, interest, data)
	if err != nil {
		return nil, fdFailure("register", fd, err)
	}
	return key, nil
}

func (s *Selector) register(fd int, interest Interest, data any) (*Key, error) {
	if err := s.check(fd); err != nil {
		return nil, err
	}
	if err := checkInterest(interest); err != nil {
		return nil, err
	}
	if s.at(fd) != nil {
		return nil, ErrExists
	}
	if fd == s.wakeup.fd() {
		return nil, fmt.Errorf("%w: it is the selector's own", ErrInvalid)
	}
	if !s.opener.takes(fd) {
		return nil, fmt.Errorf("%w: %s takes those below %d", ErrTooManyFiles, s.opener.kind, s.opener.limit)
	}
	key := &Key{fd: int32(fd), gen: s.nextGen(), interest: interest, data: data, live: true}
	// The backend comes first: it refuses what is not open, so that the table
	// never grows beyond the process's highest descriptor.
	if err := s.backend.add(fd, key.gen, interest); err != nil {
		return nil, err
	}
	if missing := fd + 1 - len(s.keys); missing > 0 {
		s.keys = append(s.keys, make([]*Key, missing)...)
	}
	s.keys[fd] = key
	s.count++
	return key, nil
}

// Modify replaces interest and data of a registered descriptor and returns its
// Key: the same one, updated. It makes a system call only if the interest
// changes; an edge-triggered Selector always makes it, and so reports again what
// is ready at that time. It is ErrInvalid for an argument that Register would not take,
// ErrNotFound if the descriptor is not registered, and wraps the errno if the
// kernel refuses, as epoll does for a descriptor that was closed (EBADF, or
// ENOENT once its number is reused).
func (s *Selector) Modify(fd int, interest Interest, data any) (*Key, error) {
	key, err := s.modify(fd, interest, data)
	if err != nil {
		return nil, fdFailure("modify", fd, err)
	}
	return key, nil
}

func (s *Selector) modify(fd int, interest Interest, data any) (*Key, error) {
	key, err := s.find(fd)
	if err != nil {
		return nil, err
	}
	if err := checkInterest(interest); err != nil {
		return nil, err
	}
	if interest != key.interest || s.opener.kind.EdgeTriggered() {
		if err := s.backend.modify(fd, key.gen, interest); err != nil {
			return nil, err
		}
	}
	key.interest, key.data = interest, data
	return key, nil
}

// Unregister removes a descriptor and returns its Key, no longer Valid. It
// works whether the descriptor is open, closed, or another file by now. It is
// ErrNotFound if the descriptor is not registered, and ErrInvalid if negative.
func (s *Selector) Unregister(fd int) (*Key, error) {
	key, err := s.find(fd)
	if err != nil {
		return nil, fdFailure("unregister", fd, err)
	}
	s.backend.remove(fd)
	s.keys[fd] = nil
	s.count--
	key.live = false
	return key, nil
}

// Key returns the Key of a registered descriptor. It is ErrNotFound if the
// descriptor is not registered, and ErrInvalid if negative.
func (s *Selector) Key(fd int) (*Key, error) {
	key, err := s.find(fd)
	if err != nil {
		return nil, fdFailure("key of", fd, err)
	}
	return key, nil
}

// Keys iterates over the registered keys in ascending order of descriptor. The
// iteration is live, and the loop may call any method: a key that is unregistered
// before its turn is not seen, one that is registered under a higher number than
// the current key's is, one under a lower or the same number is not, and Close
// ends the iteration. After Close there are none.
func (s *Selector) Keys() iter.Seq[*Key] {
	return func(yield func(*Key) bool) {
		for fd := 0; fd < len(s.keys); fd++ {
			if key := s.keys[fd]; key != nil && !yield(key) {
				return
			}
		}
	}
}

// Len returns the number of registered descriptors: 0 after Close.
func (s *Selector) Len() int { return s.count }

// Stale returns how many events were dropped since Open because they were for a
// registration that had ended. It is 0 as long as every descriptor is
// unregistered before it is closed.
func (s *Selector) Stale() uint64 { return s.stale }

// Select waits until a descriptor is ready, timeout has passed or Wake is called,
// and returns one Event for each descriptor that is ready, in no order, appended
// to events[:0], which may be nil. A timeout below 0 waits for ever and 0 does not
// wait. No events and no error is a normal result, and may come early. The events
// of the previous batch beyond the new ones are zeroed, so that a slice passed
// from call to call keeps no ended registration alive.
//
// An error wraps the errno of the system call; events[:0] is returned with it.
func (s *Selector) Select(events []Event, timeout time.Duration) ([]Event, error) {
	previous := events
	events = events[:0]
	if s.backend == nil {
		return events, failure("select", ErrClosed)
	}
	ready, err := s.backend.wait(s.ready[:0], timeout)
	if err != nil {
		return events, failure("select", err)
	}
	s.ready = ready
	staleBefore := s.stale
	events = s.deliver(events)
	if s.stale != staleBefore {
		s.rebuild()
	}
	if len(previous) > len(events) {
		clear(previous[len(events):])
	}
	return events, nil
}

// deliver turns what the backend reported into events of live keys.
func (s *Selector) deliver(events []Event) []Event {
	for _, r := range s.ready {
		if r.gen == wakeupGen {
			s.wakeup.drain()
			continue
		}
		key := s.at(int(r.fd))
		if key == nil || key.gen != r.gen {
			s.stale++
			continue
		}
		if ready := r.within(key.interest); ready != 0 {
			events = append(events, Event{Key: key, Ready: ready})
		}
	}
	return events
}

// Wake makes the Select that is waiting, or else the next one, return at once;
// it yields no Event. Any number of wakes before that Select returns are one, and
// all but the first cost no system call. What the caller did before Wake is
// visible after the Select that it ended. It is the only method that is safe from any
// goroutine, and is ErrClosed once Close was called.
func (s *Selector) Wake() error {
	if err := s.wakeup.wake(); err != nil {
		return failure("wake", err)
	}
	return nil
}

// Close releases the Selector's own descriptors and forgets the registered ones,
// which stay open; their keys are no longer Valid. Every method that returns an
// error then returns ErrClosed, a second Close too. It is not for another
// goroutine while Select waits: wake the owner, and let it close.
func (s *Selector) Close() error {
	if s.backend == nil {
		return failure("close", ErrClosed)
	}
	err := errors.Join(s.wakeup.close(), s.backend.close())
	for key := range s.Keys() {
		key.live = false
	}
	s.backend, s.keys, s.count, s.ready = nil, nil, 0, nil
	if err != nil {
		return failure("close", err)
	}
	return nil
}

// find returns the Key of fd, or why there is none.
func (s *Selector) find(fd int) (*Key, error) {
	if err := s.check(fd); err != nil {
		return nil, err
	}
	if key := s.at(fd); key != nil {
		return key, nil
	}
	return nil, ErrNotFound
}

// check is what every method that takes a descriptor begins with.
func (s *Selector) check(fd int) error {
	if s.backend == nil {
		return ErrClosed
	}
	if fd < 0 || fd > math.MaxInt32 {
		return fmt.Errorf("%w: not a descriptor", ErrInvalid)
	}
	return nil
}

func checkInterest(interest Interest) error {
	if !interest.valid() {
		return fmt.Errorf("%w: interest %s", ErrInvalid, interest)
	}
	return nil
}

// at returns the Key of fd, or nil.
func (s *Selector) at(fd int) *Key {
	if fd < len(s.keys) {
		return s.keys[fd]
	}
	return nil
}

// nextGen gives out generations in turn, wakeupGen excepted. One comes back
// after 2^32-1 registrations, long after any event of its last use.
func (s *Selector) nextGen() uint32 {
	s.gen++
	if s.gen == wakeupGen {
		s.gen++
	}
	return s.gen
}

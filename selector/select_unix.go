//go:build darwin || dragonfly || freebsd || linux || netbsd || openbsd

package selector

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// fdSetSize is FD_SETSIZE, the number of descriptors that an fd_set has room for:
// 1024, and 256 on NetBSD. A higher one would be written beyond it (select(2)).
const fdSetSize = len(unix.FdSet{}.Bits) * unix.NFDBITS

// selects hands the whole set to select(2) in each wait: a bit for each number up
// to the highest, so the kernel looks at all below it, and at none beyond fdSetSize.
//
// The sets are in it, and not in a stack frame, because they would be allocated
// for each call in builds with the race detector.
type selects struct {
	read, write unix.FdSet // what is watched
	canRead     unix.FdSet // what select left of it
	canWrite    unix.FdSet
	gens        [fdSetSize]uint32
	highest     int // descriptor that is watched; -1 without any
}

func openSelect() (backend, error) { return &selects{highest: -1}, nil }

// add asks whether fd is open, which select itself tells of the whole set only.
func (s *selects) add(fd int, gen uint32, interest Interest) error {
	if !isOpen(fd) {
		return fmt.Errorf("fcntl: %w", unix.EBADF)
	}
	s.gens[fd] = gen
	s.highest = max(s.highest, fd)
	s.set(fd, interest)
	return nil
}

func (s *selects) modify(fd int, _ uint32, interest Interest) error {
	s.set(fd, interest)
	return nil
}

func (s *selects) set(fd int, interest Interest) {
	s.read.Clear(fd)
	s.write.Clear(fd)
	if interest&Read != 0 {
		s.read.Set(fd)
	}
	if interest&Write != 0 {
		s.write.Set(fd)
	}
}

func (s *selects) remove(fd int) {
	s.set(fd, 0)
	for s.highest >= 0 && !s.watches(s.highest) {
		s.highest--
	}
}

func (s *selects) watches(fd int) bool { return s.read.IsSet(fd) || s.write.IsSet(fd) }

func (s *selects) wait(ready []readiness, timeout time.Duration) ([]readiness, error) {
	n, err := s.call(timeout)
	if errors.Is(err, unix.EBADF) {
		return s.waitWithoutClosed(ready)
	}
	if errors.Is(err, unix.EINTR) {
		return ready, nil
	}
	if err != nil {
		return ready, fmt.Errorf("select: %w", err)
	}
	return s.collect(ready, n), nil
}

func (s *selects) call(timeout time.Duration) (int, error) {
	s.canRead, s.canWrite = s.read, s.write
	return unix.Select(s.highest+1, &s.canRead, &s.canWrite, nil, timeval(timeout))
}

// collect appends what select left in the sets: n bits.
func (s *selects) collect(ready []readiness, n int) []readiness {
	for fd := 0; fd <= s.highest && n > 0; fd++ {
		var can Interest
		if s.canRead.IsSet(fd) {
			can |= Read
			n--
		}
		if s.canWrite.IsSet(fd) {
			can |= Write
			n--
		}
		if can != 0 {
			ready = append(ready, readiness{fd: int32(fd), gen: s.gens[fd], ready: can})
		}
	}
	return ready
}

// waitWithoutClosed is a wait that does not block in which registered descriptors
// are closed. select refuses the whole set for one of them (EBADF); here it is
// hung up, as poll has it (POLLNVAL), and the others are served.
func (s *selects) waitWithoutClosed(ready []readiness) ([]readiness, error) {
	read, write := s.read, s.write
	defer func() { s.read, s.write = read, write }()
	for fd := 0; fd <= s.highest; fd++ {
		if s.watches(fd) && !isOpen(fd) {
			s.set(fd, 0)
			ready = append(ready, readiness{fd: int32(fd), gen: s.gens[fd], ready: hangup})
		}
	}
	n, err := s.call(0)
	if err != nil && !errors.Is(err, unix.EINTR) {
		return ready, fmt.Errorf("select: %w", err)
	}
	return s.collect(ready, n), nil
}

func (s *selects) close() error { return nil }

// timeval converts a timeout: nil for ever, rounded up to the microsecond.
func timeval(timeout time.Duration) *unix.Timeval {
	if timeout < 0 {
		return nil
	}
	tv := unix.NsecToTimeval(roundUp(timeout, time.Microsecond) * int64(time.Microsecond))
	return &tv
}

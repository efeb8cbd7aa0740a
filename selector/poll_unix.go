//go:build unix

package selector

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// poll hands the whole set to poll(2) in each wait: simple and everywhere, and
// as slow as the set is large.
type poll struct {
	fds  []unix.PollFd // dense and in no order, as the kernel takes it
	gens []uint32      // gens[i] is the generation of fds[i]
	// place[fd] is the index of fd in fds; it means nothing if fd is not there.
	place []int32
}

func openPoll() (backend, error) { return &poll{}, nil }

// add asks whether fd is open, which poll itself reports only as readiness
// (POLLNVAL), so that every backend refuses the same.
func (p *poll) add(fd int, gen uint32, interest Interest) error {
	if !isOpen(fd) {
		return fmt.Errorf("fcntl: %w", unix.EBADF)
	}
	if missing := fd + 1 - len(p.place); missing > 0 {
		p.place = append(p.place, make([]int32, missing)...)
	}
	p.place[fd] = int32(len(p.fds))
	p.fds = append(p.fds, pollFd(fd, interest))
	p.gens = append(p.gens, gen)
	return nil
}

func (p *poll) modify(fd int, _ uint32, interest Interest) error {
	p.fds[p.place[fd]] = pollFd(fd, interest)
	return nil
}

// remove moves the last entry into the gap.
func (p *poll) remove(fd int) {
	gap, last := p.place[fd], len(p.fds)-1
	p.fds[gap], p.gens[gap] = p.fds[last], p.gens[last]
	p.place[p.fds[gap].Fd] = gap
	p.fds, p.gens = p.fds[:last], p.gens[:last]
}

// wait takes EAGAIN for an interruption too: so some systems say that they were
// short of memory for a moment (poll(2), "Notes").
func (p *poll) wait(ready []readiness, timeout time.Duration) ([]readiness, error) {
	left, err := unix.Poll(p.fds, milliseconds(timeout))
	if errors.Is(err, unix.EINTR) || errors.Is(err, unix.EAGAIN) {
		return ready, nil
	}
	if err != nil {
		return ready, fmt.Errorf("poll: %w", err)
	}
	for i := 0; i < len(p.fds) && left > 0; i++ {
		if p.fds[i].Revents == 0 {
			continue
		}
		left--
		ready = append(ready, readiness{
			fd:    p.fds[i].Fd,
			gen:   p.gens[i],
			ready: pollReady(&p.fds[i]),
		})
	}
	return ready, nil
}

func (p *poll) close() error { return nil }

func pollFd(fd int, interest Interest) unix.PollFd {
	entry := unix.PollFd{Fd: int32(fd)}
	if interest&Read != 0 {
		entry.Events |= unix.POLLIN
	}
	if interest&Write != 0 {
		entry.Events |= unix.POLLOUT
	}
	return entry
}

func pollReady(entry *unix.PollFd) Interest {
	var ready Interest
	if entry.Revents&unix.POLLIN != 0 {
		ready |= Read
	}
	if entry.Revents&unix.POLLOUT != 0 {
		ready |= Write
	}
	if entry.Revents&(unix.POLLERR|unix.POLLHUP|unix.POLLNVAL) != 0 {
		ready |= hangup
	}
	return ready
}

// isOpen asks by the cheapest call that names a descriptor.
func isOpen(fd int) bool {
	_, err := unix.FcntlInt(uintptr(fd), unix.F_GETFD, 0)
	return err == nil
}

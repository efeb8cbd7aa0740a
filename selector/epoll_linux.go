package selector

import (
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// The event buffer begins small, since most selectors have few descriptors ready
// at once, and doubles after each batch that filled it: a full batch hints at
// more, and each costs a system call. The limit keeps a batch, and so the time
// until the caller looks at its clock again, bounded.
const (
	minEpollBatch = 64
	maxEpollBatch = 4096
)

// epoll is an epoll(7) set. Of the 64 bits that the kernel keeps for each
// descriptor the lower half is the descriptor, the upper its generation.
type epoll struct {
	fd      int
	trigger uint32 // EPOLLET, or 0 for level-triggered
	events  []unix.EpollEvent
}

func openEpoll() (backend, error)   { return newEpoll(0) }
func openEpollET() (backend, error) { return newEpoll(unix.EPOLLET) }

func newEpoll(trigger uint32) (backend, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll_create1: %w", err)
	}
	return &epoll{fd: fd, trigger: trigger, events: make([]unix.EpollEvent, minEpollBatch)}, nil
}

// add takes over an entry that it finds. The kernel's key is the open file with
// the number, so one is left if a registered descriptor was closed, unregistered
// and then, by dup2 of a duplicate, made the same file under the same number.
func (e *epoll) add(fd int, gen uint32, interest Interest) error {
	err := e.control(unix.EPOLL_CTL_ADD, fd, gen, interest)
	if errors.Is(err, unix.EEXIST) {
		return e.modify(fd, gen, interest)
	}
	return err
}

func (e *epoll) modify(fd int, gen uint32, interest Interest) error {
	return e.control(unix.EPOLL_CTL_MOD, fd, gen, interest)
}

// remove ignores errors: fd is closed (EBADF), another file that was not
// registered (ENOENT), or one that cannot be (EPERM, EINVAL). A closed file left
// the set by itself unless it has a duplicate; see rebuild for that.
func (e *epoll) remove(fd int) {
	_ = unix.EpollCtl(e.fd, unix.EPOLL_CTL_DEL, fd, nil)
}

func (e *epoll) control(op, fd int, gen uint32, interest Interest) error {
	event := unix.EpollEvent{Events: e.trigger, Fd: int32(fd), Pad: int32(gen)}
	if interest&Read != 0 {
		event.Events |= unix.EPOLLIN
	}
	if interest&Write != 0 {
		event.Events |= unix.EPOLLOUT
	}
	if err := unix.EpollCtl(e.fd, op, fd, &event); err != nil {
		return fmt.Errorf("epoll_ctl: %w", err)
	}
	return nil
}

func (e *epoll) wait(ready []readiness, timeout time.Duration) ([]readiness, error) {
	n, err := unix.EpollWait(e.fd, e.events, milliseconds(timeout))
	if errors.Is(err, unix.EINTR) {
		return ready, nil
	}
	if err != nil {
		return ready, fmt.Errorf("epoll_wait: %w", err)
	}
	for _, event := range e.events[:n] {
		ready = append(ready, readiness{
			fd:    event.Fd,
			gen:   uint32(event.Pad),
			ready: epollReady(event.Events),
		})
	}
	if n == len(e.events) && n < maxEpollBatch {
		e.events = make([]unix.EpollEvent, 2*n)
	}
	return ready, nil
}

func (e *epoll) close() error { return unix.Close(e.fd) }

func epollReady(events uint32) Interest {
	var ready Interest
	if events&unix.EPOLLIN != 0 {
		ready |= Read
	}
	if events&unix.EPOLLOUT != 0 {
		ready |= Write
	}
	if events&(unix.EPOLLERR|unix.EPOLLHUP) != 0 {
		ready |= hangup
	}
	return ready
}

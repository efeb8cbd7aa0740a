//go:build darwin || dragonfly || freebsd || netbsd || openbsd

package selector

import (
	"errors"
	"fmt"
	"slices"
	"time"

	"golang.org/x/sys/unix"
)

// kqueue is a kqueue(2), level-triggered. The kernel keeps a filter for reading
// and one for writing, each with events of its own, which wait merges. A filter
// goes when its descriptor is closed, so an event is never for a number's last
// life, and the generations need not pass through the kernel.
type kqueue struct {
	fd      int
	watched []filters       // indexed by descriptor
	count   int             // filters in the kernel
	events  []unix.Kevent_t // as long as count: see wait
	place   []int32         // place[fd] is where fd is in the batch, plus one
	broken  []int32         // descriptors whose filter for writing was refused: see refused
}

// filters is what is watched of one descriptor.
type filters struct {
	gen      uint32
	interest Interest
}

func openKqueue() (backend, error) {
	fd, err := unix.Kqueue()
	if err != nil {
		return nil, fmt.Errorf("kqueue: %w", err)
	}
	unix.CloseOnExec(fd) // it is not inherited by fork, but is by posix_spawn (macOS)
	return &kqueue{fd: fd}, nil
}

func (q *kqueue) add(fd int, gen uint32, interest Interest) error {
	if err := q.change(fd, unix.EV_ADD, interest); err != nil {
		_ = q.change(fd, unix.EV_DELETE, interest) // what was added of it
		return err
	}
	if missing := fd + 1 - len(q.watched); missing > 0 {
		q.watched = append(q.watched, make([]filters, missing)...)
		q.place = append(q.place, make([]int32, missing)...)
	}
	q.watched[fd] = filters{gen: gen, interest: interest}
	q.count += interest.size()
	return nil
}

// modify adds first: what fails then has changed nothing.
func (q *kqueue) modify(fd int, _ uint32, interest Interest) error {
	w := &q.watched[fd]
	if err := q.change(fd, unix.EV_ADD, interest&^w.interest); err != nil {
		return err
	}
	_ = q.change(fd, unix.EV_DELETE, w.interest&^interest) // one that is not there went with its descriptor
	q.count += interest.size() - w.interest.size()
	w.interest = interest
	return nil
}

// remove ignores errors: fd is closed (EBADF) or another file by now (ENOENT).
func (q *kqueue) remove(fd int) {
	w := &q.watched[fd]
	_ = q.change(fd, unix.EV_DELETE, w.interest)
	q.count -= w.interest.size()
	q.broken = slices.DeleteFunc(q.broken, func(other int32) bool { return int(other) == fd })
	*w = filters{}
}

// change adds or deletes the filters of an interest, a system call each: of two in
// one call the second would be left out silently when the first fails.
func (q *kqueue) change(fd, flags int, interest Interest) error {
	var failed error
	for _, f := range [...]struct {
		interest Interest
		filter   int
	}{{Read, unix.EVFILT_READ}, {Write, unix.EVFILT_WRITE}} {
		if interest&f.interest == 0 {
			continue
		}
		var change [1]unix.Kevent_t
		unix.SetKevent(&change[0], fd, f.filter, flags)
		_, err := unix.Kevent(q.fd, change[:], nil, nil)
		if errors.Is(err, unix.EPIPE) && flags == unix.EV_ADD {
			if !slices.Contains(q.broken, int32(fd)) {
				q.broken = append(q.broken, int32(fd))
			}
			continue
		}
		if err != nil {
			failed = errors.Join(failed, fmt.Errorf("kevent: %w", err))
		}
	}
	return failed
}

// refused reports as hung up what FreeBSD and old versions of macOS do not watch for
// writing: a pipe whose reader has gone (EPIPE).
func (q *kqueue) refused(ready []readiness) []readiness {
	q.broken = slices.DeleteFunc(q.broken, func(fd int32) bool { return q.watched[fd].interest&Write == 0 })
	for _, fd := range q.broken {
		if q.place[fd] == 0 {
			ready = append(ready, readiness{fd: fd, gen: q.watched[fd].gen})
			q.place[fd] = int32(len(ready))
		}
		ready[q.place[fd]-1].ready |= hangup
	}
	return ready
}

// wait has room for an event of every filter, so that a descriptor's two are in
// one batch.
func (q *kqueue) wait(ready []readiness, timeout time.Duration) ([]readiness, error) {
	if len(q.broken) > 0 {
		timeout = 0
	}
	if len(q.events) < q.count {
		q.events = make([]unix.Kevent_t, 2*q.count)
	}
	n, err := unix.Kevent(q.fd, nil, q.events, timespec(timeout))
	if errors.Is(err, unix.EINTR) {
		return ready, nil
	}
	if err != nil {
		return ready, fmt.Errorf("kevent: %w", err)
	}
	return q.merge(ready, q.events[:n]), nil
}

// merge appends one readiness for each descriptor.
func (q *kqueue) merge(ready []readiness, events []unix.Kevent_t) []readiness {
	for i := range events {
		event := &events[i]
		fd := int32(event.Ident)
		if q.place[fd] == 0 {
			ready = append(ready, readiness{fd: fd, gen: q.watched[fd].gen})
			q.place[fd] = int32(len(ready))
		}
		ready[q.place[fd]-1].ready |= kqueueReady(event)
	}
	ready = q.refused(ready)
	for _, r := range ready {
		q.place[r.fd] = 0
	}
	return ready
}

func (q *kqueue) close() error { return unix.Close(q.fd) }

// kqueueReady leaves EV_EOF alone: it comes with the filter that it concerns, and
// so is readiness to read the end, or to write in vain (kqueue(2)).
func kqueueReady(event *unix.Kevent_t) Interest {
	if event.Filter == unix.EVFILT_WRITE {
		return Write
	}
	return Read
}

// size returns how many filters an interest takes.
func (i Interest) size() int {
	return int(i&Read) + int(i&Write)>>1
}

package selector

import (
	"errors"
	"fmt"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

const (
	minPortBatch = 64
	maxPortBatch = 4096
)

// eventPort is a port_create(3C). An association ends with the event it yields, so
// each wait first renews those of the last batch: that makes it level-triggered.
//
// The wrapper of x/sys keeps what is associated in maps and allocates a cookie
// for each association, and so for each event.
type eventPort struct {
	port    *unix.EventPort
	watched []association // indexed by descriptor
	spent   []int32       // descriptors whose association ended with an event
	batch   uint32        // counts the waits
	events  []unix.PortEvent
}

// association is what is watched of one descriptor; without an interest, nothing.
type association struct {
	gen      uint32
	interest Interest
	batch    uint32 // the last in which it had an event
}

func openEventPort() (backend, error) {
	port, err := newEventPort()
	if err != nil {
		return nil, fmt.Errorf("port_create: %w", err)
	}
	return &eventPort{port: port, events: make([]unix.PortEvent, minPortBatch)}, nil
}

// newEventPort makes a port that no child inherits. port_create(3C) does not ask for
// that and the wrapper does not tell its number, which is the lowest that is free; so
// nothing else may be opened in between, and a number that was guessed wrongly, because
// it was, does no harm: what Go opens is close-on-exec anyway.
func newEventPort() (*unix.EventPort, error) {
	syscall.ForkLock.Lock()
	defer syscall.ForkLock.Unlock()
	lowest, err := unix.FcntlInt(0, unix.F_DUPFD, 0)
	if err != nil {
		return unix.NewEventPort() // there is no standard input, or no descriptor left
	}
	_ = unix.Close(lowest) // it was to know its number
	port, err := unix.NewEventPort()
	if err == nil {
		unix.CloseOnExec(lowest)
	}
	return port, err
}

// add asks whether fd is open: port_associate says EBADFD, and the wrapper an error
// without a number where fd was closed while it was associated.
func (p *eventPort) add(fd int, gen uint32, interest Interest) error {
	if !isOpen(fd) {
		return fmt.Errorf("fcntl: %w", unix.EBADF)
	}
	_ = p.port.DissociateFd(uintptr(fd)) // of the number's last life, which the wrapper still knows
	if err := p.associate(fd, gen, interest); err != nil {
		return err
	}
	if missing := fd + 1 - len(p.watched); missing > 0 {
		p.watched = append(p.watched, make([]association, missing)...)
	}
	p.watched[fd] = association{gen: gen, interest: interest}
	return nil
}

func (p *eventPort) associate(fd int, gen uint32, interest Interest) error {
	events := 0
	if interest&Read != 0 {
		events |= unix.POLLIN
	}
	if interest&Write != 0 {
		events |= unix.POLLOUT
	}
	if err := p.port.AssociateFd(uintptr(fd), events, gen); err != nil {
		return fmt.Errorf("port_associate: %w", err)
	}
	return nil
}

// modify replaces the association; if the new one fails the old is put back.
func (p *eventPort) modify(fd int, gen uint32, interest Interest) error {
	_ = p.port.DissociateFd(uintptr(fd)) // it may be spent
	if err := p.associate(fd, gen, interest); err != nil {
		_ = p.associate(fd, gen, p.watched[fd].interest)
		return err
	}
	p.watched[fd].interest = interest
	return nil
}

// remove ignores errors: the association may be spent, or fd closed.
func (p *eventPort) remove(fd int) {
	_ = p.port.DissociateFd(uintptr(fd))
	p.watched[fd] = association{}
}

// renew associates again what the last batch has spent. What was renewed
// already by modify, or removed, is left as it is; what was closed while registered is
// silent; and what the kernel has no memory for now is tried again.
func (p *eventPort) renew() {
	left := p.spent[:0]
	for _, fd := range p.spent {
		w := p.watched[fd]
		if w.interest == 0 || p.port.FdIsWatched(uintptr(fd)) {
			continue
		}
		err := p.associate(int(fd), w.gen, w.interest)
		if errors.Is(err, unix.ENOMEM) || errors.Is(err, unix.EAGAIN) {
			left = append(left, fd)
		}
	}
	p.spent = left
}

// wait takes what is there. Of several events of one registration, which a modify
// in between can leave, the first counts.
func (p *eventPort) wait(ready []readiness, timeout time.Duration) ([]readiness, error) {
	p.renew()
	n, err := p.port.Get(p.events, 1, timespec(timeout))
	switch {
	case errors.Is(err, unix.EINTR), errors.Is(err, unix.ETIME) && n == 0:
		return ready, nil
	case err != nil && !errors.Is(err, unix.ETIME):
		return ready, fmt.Errorf("port_getn: %w", err)
	}
	p.batch++
	for i := range p.events[:n] {
		event := &p.events[i]
		fd, gen := int32(event.Fd), event.Cookie.(uint32)
		w := &p.watched[fd]
		if w.interest == 0 || gen != w.gen || w.batch == p.batch {
			continue // it fired before its registration ended, or before it was modified
		}
		w.batch = p.batch
		ready = append(ready, readiness{fd: fd, gen: gen, ready: portReady(event.Events)})
		p.spent = append(p.spent, fd)
	}
	if n == len(p.events) && n < maxPortBatch {
		p.events = make([]unix.PortEvent, 2*n)
	}
	return ready, nil
}

func (p *eventPort) close() error { return p.port.Close() }

func portReady(events int32) Interest {
	var ready Interest
	if events&unix.POLLIN != 0 {
		ready |= Read
	}
	if events&unix.POLLOUT != 0 {
		ready |= Write
	}
	if events&(unix.POLLERR|unix.POLLHUP|unix.POLLNVAL) != 0 {
		ready |= hangup
	}
	return ready
}

//go:build linux

package models

import (
	"errors"
	"fmt"
	"runtime"
	"time"

	"ftpd/selector"
)

// serveReadiness is the loop of select, poll and epoll: wait until some sockets
// are ready, and do for each what it is ready for. The models differ in what the
// kernel is asked, which is the selector's matter, and in one thing that is the
// caller's: where readiness is told once, and not as long as it lasts, the loop
// itself goes back to who may have more to do.
func serveReadiness(s Server, kind selector.Kind) error {
	runtime.LockOSThread()
	waiter, err := selector.Open(kind)
	if errors.Is(err, selector.ErrUnsupported) {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	l := &readiness{server: s, waiter: waiter, edges: kind.EdgeTriggered(), buf: make([]byte, bufferSize)}
	if err := setNonblock(s.Listener); err != nil {
		return err
	}
	if _, err := waiter.Register(s.Listener, selector.Read, nil); err != nil {
		return fmt.Errorf("listener: %w", err)
	}
	var events []selector.Event
	for {
		events, err = waiter.Select(events, l.timeout())
		if err != nil {
			return fmt.Errorf("wait: %w", err)
		}
		due := l.unfinished.take()
		for _, event := range events {
			if err := l.handle(event); err != nil {
				return err
			}
		}
		for _, c := range due {
			c.due = false
			if err := l.turn(c); err != nil {
				return err
			}
		}
	}
}

type readiness struct {
	server     Server
	waiter     *selector.Selector
	edges      bool
	unfinished unfinished // of edges alone
	buf        []byte     // lent to whoever has its turn: an idle connection holds none
	refused    bool
}

func (l *readiness) timeout() time.Duration {
	if len(l.unfinished.due) > 0 {
		return 0
	}
	return -1
}

// handle acts on one event. No event can be stale: a connection is only
// closed in its own turn, after its one event in a batch.
func (l *readiness) handle(event selector.Event) error {
	c, ok := event.Key.Data().(*conn)
	switch {
	case !ok:
		return acceptAll(l.server.Listener, l.welcome)
	case c.due: // it has its turn when the others had theirs
		return nil
	}
	return l.turn(c)
}

// turn is one step, of whatever kind of selector: all get on alike.
func (l *readiness) turn(c *conn) error {
	before := len(c.rest) > 0
	err := c.step(l.buf, l.server.Handle)
	if err != nil && !again(err) {
		return l.drop(c)
	}
	if err == nil && l.edges {
		l.unfinished.add(c)
	}
	if after := len(c.rest) > 0; after != before {
		return l.await(c)
	}
	return nil
}

// await changes what a connection waits for, to room for an answer or to input.
// The selector tells at once if that is there already, also where it tells only
// of changes: none is lost between the last step and this call.
func (l *readiness) await(c *conn) error {
	interest := selector.Read
	if len(c.rest) > 0 {
		interest = selector.Write
	}
	if _, err := l.waiter.Modify(c.fd, interest, c); err != nil {
		return fmt.Errorf("modify: %w", err)
	}
	return nil
}

// welcome registers a new connection. One that the kind cannot watch is closed,
// and the others are served on.
func (l *readiness) welcome(fd int) error {
	_, err := l.waiter.Register(fd, selector.Read, &conn{fd: fd})
	if err == nil {
		return nil
	}
	if !errors.Is(err, selector.ErrTooManyFiles) {
		return errors.Join(fmt.Errorf("register: %w", err), closeFD(fd))
	}
	if !l.refused {
		l.refused = true
		l.server.Note("ErrTooManyFiles at descriptor %d: %d connections are open and go on", fd, l.waiter.Len()-1)
	}
	return closeFD(fd)
}

func (l *readiness) drop(c *conn) error {
	if _, err := l.waiter.Unregister(c.fd); err != nil {
		return fmt.Errorf("unregister: %w", err)
	}
	return closeFD(c.fd)
}

package client

import (
	"errors"
	"fmt"
	"time"

	"ftpd/protocol"
)

// errSetAside tells a GET that it was too slow, and was cancelled in favour of
// others.
var errSetAside = errors.New("set aside")

// violation is a rule of the protocol that the server broke; it ends the
// connection.
func violation(format string, args ...any) *Error {
	return &Error{Op: "connection", Code: protocol.Protocol, Message: fmt.Sprintf(format, args...)}
}

// broken is violation for what protocol found.
func broken(err error) *Error {
	if found, ok := errors.AsType[*protocol.ProtocolError](err); ok {
		return &Error{Op: "connection", Code: found.Code, Message: found.Message}
	}
	return violation("%v", err)
}

// frames handles the frames that have come. An error ends the connection.
func (c *conn) frames() error {
	for {
		f, ok, err := c.in.next()
		switch {
		case err != nil:
			return broken(err)
		case !ok:
			c.handOver()
			return nil
		case f.Request == 0:
			err = c.connectionFrame(f)
		default:
			err = c.requestFrame(f)
		}
		if err != nil {
			return err
		}
	}
}

// connectionFrame handles a frame that belongs to no request.
func (c *conn) connectionFrame(f protocol.Frame) error {
	switch f.Opcode {
	case protocol.OpPong:
		return c.pong(f.Payload)
	case protocol.OpGoaway:
		m, err := protocol.Decode[protocol.Goaway](f)
		if err != nil {
			return broken(err)
		}
		return c.goaway(m)
	case protocol.OpError:
		return lastError(f, "connection", "")
	default:
		return violation("%s came unasked", f.Opcode)
	}
}

func (c *conn) goaway(m protocol.Goaway) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.away != nil {
		c.away = nil // this is why the connection ends
		return violation("GOAWAY came twice")
	}
	c.away = awayError(m, "connection", "")
	return nil
}

// awayError is what requests fail with that a GOAWAY leaves no place for. They
// were not begun, so that they may succeed elsewhere or later.
func awayError(m protocol.Goaway, op, path string) *Error {
	return &Error{Op: op, Path: path, Code: known(m.Code), Retry: true, Message: m.Message}
}

// turnedAway makes an error of a GOAWAY that ends a greeting.
func turnedAway(f protocol.Frame, address string) error {
	m, err := protocol.Decode[protocol.Goaway](f)
	if err != nil {
		return broken(err)
	}
	return awayError(m, "dial", address)
}

// lastError makes an error of an ERROR that ends a connection.
func lastError(f protocol.Frame, op, path string) error {
	m, err := protocol.Decode[protocol.Error](f)
	if err != nil {
		return broken(err)
	}
	return &Error{Op: op, Path: path, Code: known(m.Code), Retry: m.Retry, Message: m.Message}
}

// known returns a code, or IO for one that this version has no name for, as
// SPEC.md asks.
func known(code protocol.Code) protocol.Code {
	if code > protocol.Protocol {
		return protocol.IO
	}
	return code
}

// requestFrame hands a reply to its request.
func (c *conn) requestFrame(f protocol.Frame) error {
	r, final, err := c.route(f)
	if err != nil {
		return err
	}
	if r.flight != nil {
		c.gather(r.flight, f, final)
		return nil
	}
	waiting := r.inbox.put(c.arrival(r, f))
	switch {
	case final:
		c.finish(r)
	case r.replies == &listReplies:
		c.awaitList(r, waiting)
	case r.replies == &getReplies:
		c.awaitGet(r, waiting)
	case waiting > c.limits.otherMost:
		return violation("%s came too often for one %s", f.Opcode, r.op)
	}
	return nil
}

// arrival gives a frame memory of its own.
func (c *conn) arrival(r *request, f protocol.Frame) arrival {
	a := arrival{opcode: f.Opcode, flags: f.Flags}
	switch f.Opcode {
	case protocol.OpData:
		a.payload, a.buffer = c.in.keep(f.Payload)
	case protocol.OpEntries: // of its own size, so that many short ones do not pin large buffers
		a.payload = append([]byte(nil), f.Payload...)
	default:
		a.payload = r.inbox.copied(f.Payload)
	}
	return a
}

// route finds the request that a frame replies to, and tells whether it is
// its last reply.
func (c *conn) route(f protocol.Frame) (r *request, final bool, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r = c.requests[f.Request]
	if r == nil || r.final {
		return nil, false, violation("%s came for request %d, which is not open", f.Opcode, f.Request)
	}
	final, ok := r.replies.allow(f.Opcode)
	if !ok {
		return nil, false, violation("%s is no answer to %s", f.Opcode, r.op)
	}
	r.final = final
	if r.cancelled {
		if r.late += len(f.Payload) + frameCost; r.late > c.limits.lateMost {
			return nil, false, violation("%s goes on after CANCEL", r.op)
		}
	}
	return r, final, nil
}

// finish ends a request whose last reply is in its inbox.
func (c *conn) finish(r *request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r.delivered = true
	if !r.sending {
		c.forget(r)
	}
}

// awaitGet waits until the caller of a GET has taken some of what has come.
// When it does not, and soon where others wait, it is set aside.
func (c *conn) awaitGet(r *request, waiting int) {
	if waiting > c.limits.getAhead && !c.taken(r, c.limits.getAhead, c.limits.patience) {
		r.inbox.end(setAside)
		c.cancel(r)
	}
}

// awaitList waits until the reader of a listing has taken some of what has
// come, as long as no other is open.
func (c *conn) awaitList(r *request, waiting int) {
	if waiting <= c.limits.listAhead || c.taken(r, c.limits.listAhead, 0) {
		return
	}
	if r.inbox.waiting() > c.limits.listMost {
		r.inbox.end(overgrown)
		c.cancel(r)
	}
}

// taken waits until no more than limit bytes wait for r's caller. It returns
// false when its patience is over before: shared while others are open.
func (c *conn) taken(r *request, limit int, shared time.Duration) bool {
	c.watch.held.Store(true)
	defer c.watch.held.Store(false)
	begun := time.Now()
	for r.inbox.waiting() > limit {
		left := c.limits.patienceAlone - time.Since(begun)
		if c.open.Load() > 1 {
			left += shared - c.limits.patienceAlone
		}
		if left <= 0 {
			return false
		}
		timer := time.NewTimer(left)
		select {
		case <-r.inbox.room:
		case <-c.joined:
		case <-timer.C:
		case <-c.dead:
			return true
		}
		timer.Stop()
	}
	return true
}

// patient reports whether a request is open that may take its time.
func (c *conn) patient() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, r := range c.requests {
		if r.patient.Load() {
			return true
		}
	}
	return false
}

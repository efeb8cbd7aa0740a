package reactor

import (
	"errors"

	"ftpd/selector"
)

// readable serves a connection that has input, within the byte budget of its
// turn.
func (l *Loop) readable(c *Conn) {
	l.touch(c)
	if t, ok := c.transport.(*secure); ok && t.handshake != nil && (c.phase == open || c.phase == flushing) {
		l.shake(c, t)
		return
	}
	switch c.phase {
	case open:
		l.guard(c, func() { l.read(c) })
	case flushing:
		c.ignored = true
	case lingering:
		l.discard(c)
	case closed:
	}
}

func (l *Loop) read(c *Conn) {
	for budget := l.readTurn; c.phase == open && !c.eof; {
		if c.session.Paused() {
			c.ignored = true
			return
		}
		allowed := c.allowance(input, budget)
		if allowed == 0 { // before the session takes memory for what is to come
			c.ignored = true
			return
		}
		space := c.session.Input(l.now)
		if len(space) == 0 {
			c.ignored, c.starved = true, true
			return
		}
		space = space[:min(len(space), allowed)]
		n, err := c.transport.Read(space)
		switch {
		case errors.Is(err, errWouldBlock):
			c.session.Received(l.now, 0)
			return
		case err != nil:
			l.broken(c, err)
			return
		case n == 0:
			c.eof = true
			c.session.Received(l.now, 0)
			c.session.EOF(l.now)
			return
		}
		c.moved = l.now.Sub(l.epoch)
		c.in += int64(n)
		c.charge(input, n)
		c.session.Received(l.now, n)
		if n < len(space) && !l.edge && !c.transport.More() { // the socket is empty, or has its end left, which is told once more
			return
		}
		if budget -= c.transport.Cost(n); budget <= 0 { // the rest comes after the others
			c.ignored = true
			return
		}
	}
}

// discard drops what a peer still sends to a connection that has ended.
func (l *Loop) discard(c *Conn) {
	for range 16 {
		n, err := (*plain)(c).Read(l.scratch)
		if errors.Is(err, errWouldBlock) {
			return
		}
		if err != nil || n == 0 {
			c.setPhase(closed)
			return
		}
	}
	c.ignored = true
}

// settle ends a connection's part of a round: it writes, lets the session
// refill what was written, and adjusts what the selector watches.
func (l *Loop) settle(c *Conn) {
	if c.phase == closed {
		return
	}
	l.write(c)
	if c.phase == open && c.Queued() < l.config.LowWater && !c.Handshaking() {
		l.guard(c, func() { c.session.Resume(l.now) })
		if c.Queued() > 0 && !c.blocked && !c.queues(output) {
			c.Again() // written in the next round, after the others had their turn
		}
	}
	if c.phase == flushing && c.Queued() == 0 && !c.Handshaking() {
		c.transport.Farewell()
		if l.write(c); c.phase == flushing && c.Queued() == 0 { // the peer may be gone
			c.setPhase(lingering)
		}
	}
	c.rest()
	c.forgetWait()
	if c.phase == open && c.transport.More() && !c.session.Paused() && !c.starved && !c.queues(input) {
		c.Again() // the selector knows nothing of it
	}
	l.watch(c)
}

// write writes queued output until it is gone, the socket is full, a bucket is
// empty or the budget of the turn is used up.
func (l *Loop) write(c *Conn) {
	if c.blocked || !l.flush(c) || c.Handshaking() { // the selector tells when it is not blocked any more
		return
	}
	f := c.flow
	if f == nil {
		return
	}
	for budget := l.writeTurn; f.output.len() > 0 && budget > 0; {
		b := *f.output.first()
		allowed := c.allowance(output, min(b.len-b.sent, budget))
		if allowed == 0 {
			return
		}
		n, err := c.transport.Write(b.Bytes[b.sent : b.sent+allowed])
		if errors.Is(err, errWouldBlock) {
			c.blocked = true
			return
		}
		if err != nil {
			c.Abort(ReasonReset)
			return
		}
		c.moved = l.now.Sub(l.epoch)
		c.out += int64(n)
		c.charge(output, n)
		f.queued -= n
		budget -= n
		if b.sent += n; b.sent == b.len {
			f.taken = l.now
			l.buffers.put(f.output.pop())
		}
	}
	if l.flush(c) && f.queued > 0 {
		c.Again()
	}
}

// flush writes what the transport keeps, and reports whether nothing is left of it.
func (l *Loop) flush(c *Conn) bool {
	err := c.transport.Flush()
	switch {
	case errors.Is(err, errWouldBlock):
		c.blocked = true
	case err != nil:
		c.Abort(ReasonReset)
	}
	return err == nil
}

// broken ends a connection that cannot be read any more. An alert is still told, unless
// the peer takes nothing.
func (l *Loop) broken(c *Conn, err error) {
	reason, cause := whyUnread(err)
	if reason == ReasonCut || reason == ReasonReset || errors.Is(err, errAnswers) {
		c.flowing().cause = cause
		c.Abort(reason)
		return
	}
	c.dropOutput()
	c.fail(reason, cause)
}

// watch makes the selector's interest what the connection needs. Interest in
// input is dropped only when input came that could not be used: a pause is
// mostly over before that. Where it is kept, input that was left is asked for
// again, of which an edge-triggered selector would not tell.
func (l *Loop) watch(c *Conn) {
	if c.phase == closed {
		return
	}
	want := c.interest & selector.Read
	switch {
	case c.Handshaking():
		want = 0
		if c.transport.(*secure).wire.room() > 0 {
			want = selector.Read
		}
	case c.eof || c.phase == flushing:
		want = 0
	case c.phase == lingering || !c.session.Paused() && !c.starved && !c.queues(input):
		want = selector.Read
	case c.ignored:
		want = 0
	}
	if c.Queued() > 0 && c.blocked {
		want |= selector.Write
	}
	err := l.setInterest(c, want)
	c.ignored = false
	switch {
	case errors.Is(err, selector.ErrTooManyFiles): // it was refused, and told so
		c.Abort(ReasonSelectorError)
	case err != nil:
		l.config.Logger.Error("cannot watch a connection", "error", err)
		c.Abort(ReasonSelectorError)
	}
}

// setInterest makes no system call where nothing changes.
func (l *Loop) setInterest(c *Conn, want selector.Interest) error {
	var err error
	switch {
	case want == c.interest && (want == 0 || !(c.ignored && l.edge)):
		return nil
	case want == 0:
		_, err = l.selector.Unregister(int(c.fd))
	case c.interest == 0:
		_, err = l.selector.Register(int(c.fd), want, c)
	default:
		_, err = l.selector.Modify(int(c.fd), want, c)
	}
	c.interest = want
	return err
}

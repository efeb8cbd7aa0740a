package reactor

import (
	"slices"
	"time"

	"ftpd/selector"
)

// phase is how far a connection is in its life.
//
//	        Finish            output written        peer's EOF, or time is up
//	open ------------> flushing ------------> lingering ------------> closed
//	  \__________________/______________________/_______________________^
//	             Abort, an I/O error, the end of the server
type phase uint8

const (
	// open: bytes go both ways.
	open phase = iota
	// flushing: the session is done; what is queued is written, input waits.
	flushing
	// lingering: our side is shut; input is dropped until the peer closes, or
	// a reset would destroy our last words on their way (RFC 9293 3.6.1, and
	// RFC 1122 4.2.2.13).
	lingering
	// closed: nothing more happens; the descriptor goes at the round's end.
	closed
)

// nextPhases is the transition table.
var nextPhases = [...][]phase{
	open:      {flushing, closed},
	flushing:  {lingering, closed},
	lingering: {closed},
	closed:    {},
}

// Conn is one connection as the loop sees it. It implements Link.
//
// Most connections of a server are idle, so it is kept small: what only a busy one
// needs is in flow.
type Conn struct {
	loop      *Loop
	session   Session
	transport transport
	flow      *flow   // nil while there is no output and the connection is open
	limits    *limits // nil while no bucket holds it back
	timer     timer
	moved     time.Duration // after Loop.epoch
	in, out   int64
	fd        int32
	index     int32 // in Loop.conns

	jobs     int32 // on the offload pool
	phase    phase
	place    place
	interest selector.Interest // as registered; 0 is not registered
	ignored  bool              // input came while the session was paused
	blocked  bool              // the last write would have blocked
	hungry   [uses]uint8       // bits: waits for memory of a class, in Loop.hungry
	starved  bool              // there was no memory for its input
	touched  bool              // in Loop.touched
	again    bool              // in Loop.again
	eof      bool              // the peer sends no more
}

func (c *Conn) setPhase(next phase) {
	if !slices.Contains(nextPhases[c.phase], next) {
		panic("reactor: illegal transition of a connection")
	}
	c.phase = next
	c.enter(next)
}

// enter runs what belongs to the beginning of a phase.
func (c *Conn) enter(p phase) {
	switch p {
	case open:
		panic("reactor: a connection is opened once")
	case flushing:
		c.leaveLine(input)
		c.loop.touch(c)
	case lingering:
		err := c.transport.CloseWrite()
		c.transport.Release()
		if err != nil || c.eof {
			c.setPhase(closed)
			return
		}
		c.loop.timers.set(&c.timer, c.loop.now.Add(c.loop.config.LingerTimeout))
	case closed:
		c.loop.timers.remove(&c.timer)
		c.leaveLine(input)
		c.leaveLine(output)
		c.dropOutput()
		c.transport.Release()
		c.loop.dead = append(c.loop.dead, c)
	}
}

func (c *Conn) dropOutput() {
	if c.flow == nil {
		return
	}
	for c.flow.output.len() > 0 {
		c.loop.buffers.put(c.flow.output.pop())
	}
	c.flow.queued = 0
}

// Reserve is part of Link. What is written to a connection that has ended goes
// nowhere.
func (c *Conn) Reserve(n int) []byte {
	if c.phase != open {
		return c.loop.nowhere[:0:n]
	}
	class := classOf(n)
	if f := c.flow; f != nil && f.output.len() > 0 {
		tail := *f.output.last()
		if len(tail.Bytes)-tail.len >= n {
			return tail.Bytes[tail.len:tail.len]
		}
		class = max(class, classOf(MediumBuffer)) // much is coming: fewer, larger writes
	}
	b := c.loop.buffers.must(class)
	c.enqueue(b)
	return b.Bytes[:0]
}

// Commit is part of Link.
func (c *Conn) Commit(b []byte) {
	if c.phase != open {
		return
	}
	tail := *c.flow.output.last()
	tail.len += len(b)
	c.flow.queued += len(b)
	c.loop.touch(c)
}

// Send is part of Link.
func (c *Conn) Send(b *Buffer, n int) {
	if c.phase != open {
		c.loop.buffers.put(b)
		return
	}
	if n <= SmallBuffer/2 { // a copy costs less than a write of its own
		c.Commit(append(c.Reserve(n), b.Bytes[:n]...))
		c.Release(b)
		return
	}
	b.len = n
	c.enqueue(b)
	c.flow.queued += n
	c.loop.touch(c)
}

// enqueue puts a buffer behind the output.
func (c *Conn) enqueue(b *Buffer) {
	f := c.flowing()
	if f.output.len() == 0 {
		f.taken = c.loop.now
	}
	f.output.push(b)
}

// Queued is part of Link.
func (c *Conn) Queued() int {
	unsent := c.transport.Unsent()
	if c.flow != nil {
		unsent += c.flow.queued
	}
	return unsent
}

// Buffer is part of Link.
func (c *Conn) Buffer(size int, use Use) *Buffer {
	b := c.loop.buffers.get(size, use)
	if class := classOf(size); b == nil && c.hungry[use]&(1<<class) == 0 {
		c.hungry[use] |= 1 << class
		c.loop.hungry[use][class].push(c)
	}
	return b
}

// Take is part of Link.
func (c *Conn) Take(size int) *Buffer { return c.loop.buffers.must(classOf(size)) }

// Hungry is part of Link.
func (c *Conn) Hungry() bool {
	for _, classes := range c.hungry {
		if classes != 0 {
			return true
		}
	}
	return false
}

// Scratch is part of Link.
func (c *Conn) Scratch() []byte { return c.loop.scratch }

// holding returns since when the connection holds memory for want of its peer; the
// zero time is not at all.
func (c *Conn) holding() time.Time {
	var since time.Time
	if c.phase == open {
		since = c.session.Holding()
	}
	if c.flow != nil && c.Queued() > 0 && (since.IsZero() || c.flow.taken.Before(since)) {
		since = c.flow.taken
	}
	return since
}

// Share is part of Link.
func (c *Conn) Share() int { return c.loop.buffers.share() }

// Release is part of Link.
func (c *Conn) Release(b *Buffer) { c.loop.buffers.put(b) }

// Offload is part of Link.
func (c *Conn) Offload(lane Lane, job Job) {
	c.jobs++
	c.loop.jobs++
	c.loop.offload.submit(lane, completion{conn: c, job: job})
}

// Again is part of Link.
func (c *Conn) Again() {
	if !c.again && c.phase != closed {
		c.again = true
		c.loop.again = append(c.loop.again, c)
	}
}

// SetDeadline is part of Link.
func (c *Conn) SetDeadline(t time.Time) {
	if c.phase == open {
		c.loop.timers.set(&c.timer, t)
	}
}

// Moved is part of Link.
func (c *Conn) Moved() time.Time {
	if c.queues(input) || c.queues(output) {
		return c.loop.now
	}
	return c.loop.epoch.Add(c.moved)
}

// Counts is part of Link.
func (c *Conn) Counts() (in, out int64) { return c.in, c.out }

// Finish is part of Link.
func (c *Conn) Finish(reason Reason) {
	if c.phase == open {
		c.flowing().reason = reason
		c.setPhase(flushing)
		c.loop.timers.set(&c.timer, c.loop.now.Add(c.loop.config.LingerTimeout))
	}
}

// Abort is part of Link.
func (c *Conn) Abort(reason Reason) {
	if c.phase == closed {
		return
	}
	if c.phase == open {
		c.flowing().reason = reason
	}
	c.setPhase(closed)
}

// expire is called when the connection's timer is due.
func (c *Conn) expire(now time.Time) {
	if c.phase == open {
		c.loop.guard(c, func() { c.session.Expire(now) })
		c.loop.touch(c)
		return
	}
	if moved := c.Moved(); c.phase == flushing && !c.Handshaking() && now.Sub(moved) < c.loop.config.LingerTimeout {
		c.loop.timers.set(&c.timer, moved.Add(c.loop.config.LingerTimeout))
		return // it still takes what we write
	}
	c.Abort(c.reason())
}

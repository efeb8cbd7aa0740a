package reactor

import (
	"container/list"
	"slices"
	"time"
)

// freeStart is how much a connection moves in each direction without standing in line,
// in bytes: a greeting and a login, whose deadlines do not wait. It is paid for like all else.
const freeStart = 4 << 10

// limits is what a connection is counted with and held back by; one without any has none.
type limits struct {
	site    *site     // nil where none is limited
	buckets []*Bucket // it needs all of them
	wait    *wait     // nil while it does not wait, and has not done so for a while
}

// wait is how a connection waits for its buckets.
type wait struct {
	seats  [directions]seat
	waited time.Duration // how long it stood in line so far
	hold   hold
}

// seat is how a connection waits for its buckets in one direction. It stands in one line
// at a time. Where it has been to the front, it has a pass for what its turn is worth,
// and keeps it while it stands in the next: or one that needs two busy buckets might
// never have both, and would get less of the wider one than those who need that alone.
type seat struct {
	conn   *Conn
	meter  *meter // whose line it stands in; nil is none
	place  *list.Element
	since  time.Time // when it began to
	passes []pass
}

// pass lets a connection move so many bytes of a meter without standing in line.
type pass struct {
	meter *meter
	left  int
}

// Limit is part of Link.
func (c *Conn) Limit(b *Bucket) {
	if c.phase == closed {
		return
	}
	b.bind(c.loop)
	l := c.limited()
	l.buckets = append(l.buckets, b)
	if rate := b.meters[input].rate; rate > 0 {
		narrow(int(c.fd), rate)
	}
}

// limited returns the connection's limits, and makes them if need be.
func (c *Conn) limited() *limits {
	if c.limits == nil {
		c.limits = &limits{}
	}
	return c.limits
}

// belong counts the connection among those of a site.
func (c *Conn) belong(s *site) {
	s.conns++
	c.limited().site = s
	if s.bucket != nil {
		c.Limit(s.bucket)
	}
}

// leaveSite ends what belong began.
func (c *Conn) leaveSite() {
	if c.limits == nil || c.limits.site == nil {
		return
	}
	s := c.limits.site
	c.limits.site = nil
	if s.conns--; s.conns == 0 {
		c.loop.sites.rest(s)
	}
}

// allowance returns how many of n bytes may move now. 0 is that the connection waits:
// it has its turn when all of its buckets have something to give.
func (c *Conn) allowance(d direction, n int) int {
	if c.limits == nil {
		return n
	}
	if c.queues(d) {
		return 0
	}
	free := c.count(d) < freeStart
	for _, b := range c.limits.buckets {
		m := &b.meters[d]
		if m.rate == 0 {
			continue
		}
		most := c.limits.pass(d, m)
		switch {
		case most > 0:
		case free || m.open():
			most = m.quantum()
		default:
			m.join(&c.waiting().seats[d])
			return 0
		}
		n = min(n, most)
	}
	return n
}

// charge counts bytes that have moved.
func (c *Conn) charge(d direction, n int) {
	if c.limits == nil {
		return
	}
	if w := c.limits.wait; w != nil {
		for i := range w.seats[d].passes {
			w.seats[d].passes[i].left -= n
		}
	}
	for _, b := range c.limits.buckets {
		b.meters[d].take(n)
	}
}

// count returns the bytes moved in a direction.
func (c *Conn) count(d direction) int64 {
	if d == input {
		return c.in
	}
	return c.out
}

// queues reports whether the connection waits for a bucket in a direction.
func (c *Conn) queues(d direction) bool {
	return c.limits != nil && c.limits.wait != nil && c.limits.wait.seats[d].meter != nil
}

// waiting returns what the connection needs to wait, and makes it if need be.
func (c *Conn) waiting() *wait {
	if c.limits.wait == nil {
		c.limits.wait = &wait{}
		for d := range c.limits.wait.seats {
			c.limits.wait.seats[d].conn = c
		}
	}
	return c.limits.wait
}

// leaveLine ends the waiting in a direction.
func (c *Conn) leaveLine(d direction) {
	if c.limits == nil || c.limits.wait == nil {
		return
	}
	s := &c.limits.wait.seats[d]
	s.leave()
	s.passes = nil
}

// forgetWait gives up what only one that waits needs.
func (c *Conn) forgetWait() {
	if c.limits == nil || c.limits.wait == nil || c.queues(input) || c.queues(output) {
		return
	}
	if c.phase == closed || c.holding().IsZero() {
		c.limits.wait = nil
	}
}

// pass returns how many bytes of a meter the connection need not stand in line for.
func (l *limits) pass(d direction, m *meter) int {
	if l.wait == nil {
		return 0
	}
	for _, p := range l.wait.seats[d].passes {
		if p.meter == m {
			return p.left
		}
	}
	return 0
}

// admit gives a pass for a meter, in place of one that is used up.
func (s *seat) admit(m *meter) {
	used := slices.IndexFunc(s.passes, func(p pass) bool { return p.meter == m })
	if used < 0 {
		used = len(s.passes)
		s.passes = append(s.passes, pass{})
	}
	s.passes[used] = pass{m, m.quantum()}
}

// leave takes the seat out of the line. The time in it is not the peer's fault, so that
// it counts as movement.
func (s *seat) leave() {
	if s.meter == nil {
		return
	}
	s.meter.line.Remove(s.place)
	s.meter, s.place = nil, nil
	l := s.conn.loop
	s.conn.limits.wait.waited += l.now.Sub(s.since)
	s.conn.moved = l.now.Sub(l.epoch)
}

// turn lets a connection at the front of a line go on. What it could not use is lost.
func (s *seat) turn() {
	s.admit(s.meter)
	s.leave()
	c := s.conn
	if s == &c.limits.wait.seats[input] {
		c.loop.readable(c)
	} else {
		c.loop.touch(c)
		c.loop.write(c)
	}
	if s.meter == nil {
		s.passes = s.passes[:0]
	}
}

// until returns how long the connection has stood in lines.
func (w *wait) until(now time.Time) time.Duration {
	waited := w.waited
	for d := range w.seats {
		if s := &w.seats[d]; s.meter != nil {
			waited += now.Sub(s.since)
		}
	}
	return waited
}

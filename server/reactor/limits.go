package reactor

import (
	"container/list"
	"slices"
	"time"
)

// freeStart is how much a connection moves in each direction without standing in line,
// in bytes: a greeting and a login, whose deadlines do not wait. It is paid for like all else.
const freeStart = 4 << 10

// limits is what holds a connection back; one without limits has none.
type limits struct {
	buckets []*Bucket // it needs all of them
	seats   [directions]seat
	waited  time.Duration // how long it stood in line so far
	hold    hold
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
	if c.limits == nil {
		c.limits = &limits{}
		for d := range c.limits.seats {
			c.limits.seats[d].conn = c
		}
	}
	b.bind(c.loop)
	c.limits.buckets = append(c.limits.buckets, b)
	if rate := b.meters[input].rate; rate > 0 {
		narrow(int(c.fd), rate)
	}
}

// allowance returns how many of n bytes may move now. 0 is that the connection waits:
// it has its turn when all of its buckets have something to give.
func (c *Conn) allowance(d direction, n int) int {
	if c.limits == nil {
		return n
	}
	s := &c.limits.seats[d]
	if s.meter != nil {
		return 0
	}
	free := c.count(d) < freeStart
	for _, b := range c.limits.buckets {
		m := &b.meters[d]
		if m.rate == 0 {
			continue
		}
		most := s.pass(m)
		switch {
		case most > 0:
		case free || m.open():
			most = m.quantum()
		default:
			m.join(s)
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
	s := &c.limits.seats[d]
	for i := range s.passes {
		s.passes[i].left -= n
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
	return c.limits != nil && c.limits.seats[d].meter != nil
}

// leaveLine ends the waiting in a direction.
func (c *Conn) leaveLine(d direction) {
	if c.limits != nil {
		c.limits.seats[d].leave()
		c.limits.seats[d].passes = nil
	}
}

// pass returns how many bytes of a meter the connection need not stand in line for.
func (s *seat) pass(m *meter) int {
	for _, p := range s.passes {
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
	s.conn.limits.waited += l.now.Sub(s.since)
	s.conn.moved = l.now.Sub(l.epoch)
}

// turn lets a connection at the front of a line go on. What it could not use is lost.
func (s *seat) turn() {
	s.admit(s.meter)
	s.leave()
	c := s.conn
	if s == &c.limits.seats[input] {
		c.loop.readable(c)
	} else {
		c.loop.touch(c)
		c.loop.write(c)
	}
	if s.meter == nil {
		s.passes = s.passes[:0]
	}
}

// waitedUntil returns how long the connection has stood in lines.
func (l *limits) waitedUntil(now time.Time) time.Duration {
	waited := l.waited
	for d := range l.seats {
		if s := &l.seats[d]; s.meter != nil {
			waited += now.Sub(s.since)
		}
	}
	return waited
}

package reactor

import (
	"container/list"
	"time"
)

// MinRate is the least that a Bucket limits to, in bytes a second. With less, every
// timeout on the way would take a transfer for dead.
const MinRate = 1000

// Bucket bounds the bytes a second that the connections it is given to move, all of
// them together, each direction for itself. It is a token bucket that lets those who
// share it take turns: while it is empty they stand in line, first come first served.
//
// It belongs to one loop, on whose goroutine it is used from the first Link.Limit on.
type Bucket struct{ meters [directions]meter }

// NewBucket returns a bucket of so many bytes a second: up is what clients send, down
// what they are sent. 0 is no limit, and anything else at least MinRate.
func NewBucket(up, down int64) *Bucket {
	b := &Bucket{}
	for d, rate := range [directions]int64{input: up, output: down} {
		if rate > 0 {
			b.meters[d].rate = max(MinRate, rate)
		}
		b.meters[d].timer.owner = &b.meters[d]
	}
	return b
}

// bind ties the bucket to the loop whose timers and clock it uses.
func (b *Bucket) bind(l *Loop) {
	for d := range b.meters {
		b.meters[d].loop = l
	}
}

// settled reports whether all that has moved is paid for. Nil has nothing to pay.
func (b *Bucket) settled() bool {
	return b == nil || b.meters[input].full() && b.meters[output].full()
}

// direction is one of the two ways that bytes go.
type direction uint8

const (
	input  direction = iota // from the peer
	output                  // to the peer
	directions
)

const (
	// maxQuantum is what a connection moves in its turn, at most, in bytes: a client
	// behind eight that take all they can waits for half a MiB.
	maxQuantum = 64 << 10
	// minQuantum is what a turn is worth, however low the rate, in bytes.
	minQuantum = 512
	// saved is for how long a bucket that nobody uses fills: enough to make up for a
	// timer that is late, and too little for a burst after a rest.
	saved = 50 * time.Millisecond
	// turnsPerRound bounds the turns given in a round of the loop.
	turnsPerRound = 16
)

// meter is a bucket of one direction.
type meter struct {
	rate  int64     // bytes a second; 0 is no limit
	paid  time.Time // when what has moved so far is paid for
	line  list.List // of *seat: those who wait for it
	timer timer     // when the first of them may go on
	loop  *Loop
}

// quantum returns how much a connection may move in its turn, in bytes.
func (m *meter) quantum() int {
	return int(min(max(m.rate/int64(time.Second/saved), minQuantum), maxQuantum))
}

// open reports whether a connection may move bytes without standing in line.
func (m *meter) open() bool { return m.line.Len() == 0 && m.full() }

// full reports whether there is anything to give.
func (m *meter) full() bool { return !m.paid.After(m.loop.now) }

// take counts bytes that have moved.
func (m *meter) take(n int) {
	if m.rate == 0 {
		return
	}
	if least := m.loop.now.Add(-saved); m.paid.Before(least) {
		m.paid = least
	}
	m.paid = m.paid.Add(time.Duration(float64(n) / float64(m.rate) * float64(time.Second)))
}

// join puts a connection at the end of the line.
func (m *meter) join(s *seat) {
	s.meter, s.place, s.since = m, m.line.PushBack(s), m.loop.now
	if m.line.Len() == 1 {
		m.loop.timers.set(&m.timer, m.paid)
	}
}

// expire gives turns to those in line, as long as there is something to give.
func (m *meter) expire(now time.Time) {
	for range turnsPerRound {
		if m.line.Len() == 0 || !m.full() {
			break
		}
		m.line.Front().Value.(*seat).turn()
	}
	if m.line.Len() > 0 {
		m.loop.timers.set(&m.timer, m.paid)
	}
}

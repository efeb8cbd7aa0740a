package main

import "time"

// recently is over how long a rate is taken: what a transfer does now, and not what it
// did an hour ago, tells how long it will take.
const recently = 5 * time.Second

// meter tells how fast bytes moved of late.
type meter struct{ marks []mark } // the oldest first; one of them may be older than recently

// mark is how much had moved by then.
type mark struct {
	at    time.Duration // since the beginning
	moved int64
}

// add notes how much has moved, and has c tell how much of that moved of late.
func (m *meter) add(c *counts) {
	if len(m.marks) == 0 {
		m.marks = append(m.marks, mark{})
	}
	for len(m.marks) > 1 && c.elapsed-m.marks[1].at >= recently {
		m.marks = m.marks[1:]
	}
	c.late, c.lately = c.moved-m.marks[0].moved, c.elapsed-m.marks[0].at
	m.marks = append(m.marks, mark{c.elapsed, c.moved})
}

// perSecond returns how many bytes moved a second: of late, or where that is not known, on
// the whole.
func (c counts) perSecond() float64 {
	moved, took := c.late, c.lately
	if took <= 0 {
		moved, took = c.moved, c.elapsed
	}
	if took <= 0 {
		return 0
	}
	return float64(moved) / took.Seconds()
}

// rests tells that nothing has moved for so long that nobody can say how long it will take.
func (c counts) rests() bool { return c.lately >= recently && c.late == 0 }

// left returns how long what is left will take, and false where that is not known.
func (c counts) left() (time.Duration, bool) {
	rate := c.perSecond()
	if c.unknown || rate <= 0 {
		return 0, false
	}
	seconds := float64(max(0, c.bytes-c.moved)) / rate
	const longest = 1000 * time.Hour
	return time.Duration(min(seconds, longest.Seconds()) * float64(time.Second)), true
}

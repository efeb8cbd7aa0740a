package reactor

import "time"

// reclaimEvery is how often the loop looks for memory to take back while there are
// connections that wait for some.
const reclaimEvery = time.Second

// reclaimer takes memory back while others wait for it: from connections whose peer
// has neither sent what is missing of a frame nor taken a buffer of output for
// Config.HoldTimeout. Moving a byte now and then does not help them; the time in which
// a bucket held them back does not count.
type reclaimer struct{ loop *Loop }

func (r reclaimer) expire(now time.Time) {
	l := r.loop
	if !l.wanting() {
		return
	}
	l.timers.set(&l.pressure, now.Add(reclaimEvery))
	for _, c := range l.conns {
		if c.held(now) >= l.config.HoldTimeout {
			c.Abort(ReasonMemory)
		}
	}
}

// wanting reports whether a connection waits for memory.
func (l *Loop) wanting() bool {
	for use := range l.hungry {
		for class := range l.hungry[use] {
			if l.hungry[use][class].len() > 0 {
				return true
			}
		}
	}
	return false
}

// hold is what the reclaimer knows of a connection that a bucket may hold back.
type hold struct {
	since  time.Time     // since when it holds memory
	seen   time.Time     // when that was seen first
	waited time.Duration // for how long it had stood in lines by then
}

// held returns for how long the connection has held memory for want of its peer; 0 is
// that it does not. Of one that has limits, the time before it was looked at first is
// not known to be the peer's fault.
func (c *Conn) held(now time.Time) time.Duration {
	since := c.holding()
	switch {
	case since.IsZero():
		return 0
	case c.limits == nil:
		return now.Sub(since)
	}
	w := c.waiting()
	if !w.hold.since.Equal(since) {
		w.hold = hold{since: since, seen: now, waited: w.until(now)}
	}
	return now.Sub(w.hold.seen) - (w.until(now) - w.hold.waited)
}

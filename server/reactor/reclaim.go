package reactor

import "time"

// reclaimEvery is how often the loop looks for memory to take back while there are
// connections that wait for some.
const reclaimEvery = time.Second

// reclaimer takes memory back while others wait for it: from connections whose peer
// has neither sent what is missing of a frame nor taken a buffer of output for
// Config.HoldTimeout. Moving a byte now and then does not help them.
type reclaimer struct{ loop *Loop }

func (r reclaimer) expire(now time.Time) {
	l := r.loop
	if !l.wanting() {
		return
	}
	l.timers.set(&l.pressure, now.Add(reclaimEvery))
	for _, c := range l.conns {
		if since := c.holding(); !since.IsZero() && now.Sub(since) >= l.config.HoldTimeout {
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

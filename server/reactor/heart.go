package reactor

import "time"

// heart beats as long as the loop turns.
type heart struct{ loop *Loop }

func (h heart) expire(now time.Time) {
	h.loop.config.Heartbeat()
	h.loop.timers.set(&h.loop.pulse, now.Add(h.loop.config.HeartbeatEvery))
}

package reactor

import "time"

// drainTimer ends a drain that takes too long.
type drainTimer struct{ loop *Loop }

func (t drainTimer) expire(time.Time) { t.loop.forced = true }

// checkShutdown begins to drain when another goroutine has asked for it.
func (l *Loop) checkShutdown() {
	if l.draining || !l.shutdown.Load() {
		return
	}
	l.draining = true
	l.listener.close()
	l.timers.set(&l.drain, l.now.Add(l.config.DrainTimeout))
	for _, c := range l.conns {
		if c.phase == open {
			l.guard(c, func() { c.session.Drain(l.now) })
			l.touch(c)
		}
	}
}

// finished reports whether Run has nothing left to do.
func (l *Loop) finished() bool {
	if l.abort.Load() || l.forced {
		return true
	}
	return l.draining && len(l.conns) == 0 && l.jobs == 0
}

// cutFor names why what is still connected when Run returns is cut; err is that
// of the selector.
func (l *Loop) cutFor(err error) Reason {
	switch {
	case err != nil:
		return ReasonSelectorError
	case l.abort.Load():
		return ReasonAbort
	default:
		return ReasonDrainTimeout
	}
}

// finishJobs waits for jobs that outlived their connections, so that what they
// hold is cleaned up, but not longer than LingerTimeout: a disk may be stuck.
// Then it ends the pool.
func (l *Loop) finishJobs() {
	defer l.offload.close()
	deadline := time.Now().Add(l.config.LingerTimeout)
	for l.jobs > 0 {
		left := time.Until(deadline)
		if left <= 0 {
			l.config.Logger.Error("jobs were still running at the end", "jobs", l.jobs)
			return
		}
		if _, err := l.selector.Select(nil, left); err != nil {
			return
		}
		l.now = time.Now()
		l.complete()
		l.bury()
	}
	l.offload.close()
	l.offload.group.Wait()
}

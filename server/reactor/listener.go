package reactor

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"

	"ftpd/selector"
)

const (
	// acceptBudget bounds the connections accepted in one turn.
	acceptBudget = 128
	// refuseBudget bounds those of them that there is no place for, so that those
	// inside notice next to nothing of a flood.
	refuseBudget = 16
)

// listener is the listening socket. It rests while the process is out of
// descriptors: a level-triggered selector would report it again and again.
type listener struct {
	loop    *Loop
	fd      int
	active  bool
	crowded bool // it rests until some whom the server is too full for have gone
	behind  bool // it has rested, and some wait still
	timer   timer
}

func (l *listener) resume() error {
	_, err := l.loop.selector.Register(l.fd, selector.Read, l)
	l.active = err == nil
	return err
}

func (l *listener) pause() {
	if l.active {
		_, _ = l.loop.selector.Unregister(l.fd) // it is registered
		l.active = false
	}
}

func (l *listener) close() {
	if l.fd < 0 {
		return
	}
	l.pause()
	l.crowded = false
	l.loop.timers.remove(&l.timer)
	_ = unix.Close(l.fd)
	l.fd = -1
}

// expire ends a rest.
func (l *listener) expire(now time.Time) {
	l.crowded = false
	if err := l.resume(); err != nil {
		l.loop.config.Logger.Error("cannot accept again", "error", err)
		l.loop.timers.set(&l.timer, now.Add(l.loop.config.AcceptPause))
	}
}

func (l *listener) accept() {
	refused := l.loop.stats.refused.Load()
	for range acceptBudget {
		if l.fd < 0 {
			return
		}
		if l.loop.stats.refused.Load()-refused >= refuseBudget {
			break
		}
		if l.loop.ceiling.crowded() {
			l.crowded = true
			l.rest(errCrowded)
			return
		}
		fd, sa, err := accept(l.fd)
		switch {
		case err == nil:
			tune(fd)
			l.loop.add(fd, fromSockaddr(sa))
		case errors.Is(err, unix.EAGAIN):
			l.caughtUp()
			return
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.ECONNABORTED), errors.Is(err, unix.EPROTO):
			continue // that one has gone already (accept(2))
		default: // EMFILE, ENFILE, ENOBUFS, ENOMEM: others are served meanwhile
			l.rest(err)
			return
		}
	}
	if _, err := l.loop.selector.Modify(l.fd, selector.Read, l); err != nil { // tell of the others, if any
		l.rest(err)
	}
}

// rest stops accepting for a while. The log tells when that begins, however
// often it is prolonged, and when it is over.
func (l *listener) rest(why error) {
	if !l.behind {
		l.behind = true
		l.loop.config.Logger.Warn("accepting rests", "error", why)
	}
	l.pause()
	l.loop.timers.set(&l.timer, l.loop.now.Add(l.loop.config.AcceptPause))
}

// caughtUp is called when nobody waits to be accepted.
func (l *listener) caughtUp() {
	if l.behind {
		l.behind = false
		l.loop.config.Logger.Info("accepting goes on")
	}
}

// makeRoom ends a rest at once when there is room to tell another client that
// the server is full.
func (l *listener) makeRoom() {
	if l.crowded && !l.loop.ceiling.crowded() {
		l.loop.timers.set(&l.timer, l.loop.now)
	}
}

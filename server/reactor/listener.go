package reactor

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"

	"ftpd/selector"
)

// acceptBudget bounds the connections accepted in one turn.
const acceptBudget = 128

// listener is the listening socket. It rests while the process is out of
// descriptors: a level-triggered selector would report it again and again.
type listener struct {
	loop   *Loop
	fd     int
	active bool
	timer  timer
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
	l.loop.timers.remove(&l.timer)
	_ = unix.Close(l.fd)
	l.fd = -1
}

// expire ends a rest.
func (l *listener) expire(now time.Time) {
	if err := l.resume(); err != nil {
		l.loop.config.Logger.Error("cannot accept again", "error", err)
		l.loop.timers.set(&l.timer, now.Add(l.loop.config.AcceptPause))
	}
}

func (l *listener) accept() {
	for range acceptBudget {
		if l.fd < 0 {
			return
		}
		fd, sa, err := accept(l.fd)
		switch {
		case err == nil:
			tune(fd)
			l.loop.add(fd, fromSockaddr(sa))
		case errors.Is(err, unix.EAGAIN):
			return
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.ECONNABORTED), errors.Is(err, unix.EPROTO):
			continue // that one has gone already (accept(2))
		default: // EMFILE, ENFILE, ENOBUFS, ENOMEM: others are served meanwhile
			l.loop.config.Logger.Warn("accepting rests", "error", err, "for", l.loop.config.AcceptPause)
			l.rest()
			return
		}
	}
	if _, err := l.loop.selector.Modify(l.fd, selector.Read, l); err != nil { // tell of the others, if any
		l.loop.config.Logger.Error("cannot go on accepting", "error", err)
		l.rest()
	}
}

// rest stops accepting for a while.
func (l *listener) rest() {
	l.pause()
	l.loop.timers.set(&l.timer, l.loop.now.Add(l.loop.config.AcceptPause))
}

package client

import (
	"sync"
	"sync/atomic"
	"time"
)

// watch fails a connection on which requests are open and nothing moves. Its
// timer runs only while requests are open. Its lock is taken before that of
// the connection.
type watch struct {
	conn    *conn
	timeout time.Duration // 0 is no limit
	count   atomic.Int64  // grows whenever bytes move
	held    atomic.Bool   // the reader waits for a caller: silence is our own

	mu      sync.Mutex
	timer   *time.Timer
	armed   bool
	stopped bool
	seen    int64 // count at the last tick
	quiet   int   // ticks since count grew
}

// ticks is how often a timeout is divided to look for movement.
const ticks = 4

func (w *watch) init(c *conn, timeout time.Duration) {
	w.conn, w.timeout = c, timeout
}

// moved tells that n bytes, or so, came or went.
func (w *watch) moved(n int) { w.count.Add(int64(n)) }

// start is called when the first request is opened.
func (w *watch) start() {
	if w.timeout == 0 {
		return
	}
	w.moved(1)
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.armed || w.stopped:
		return
	case w.timer == nil:
		w.timer = time.AfterFunc(w.timeout/ticks, w.tick)
	default:
		w.timer.Reset(w.timeout / ticks)
	}
	w.armed = true
}

func (w *watch) stop() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.stopped = true
	if w.timer != nil {
		w.timer.Stop()
	}
}

func (w *watch) tick() {
	if w.stalled() {
		w.conn.fail(&NetworkError{Op: "wait for", Address: w.conn.address, Err: ErrTimeout})
	}
}

// stalled reports that nothing has moved for the whole timeout.
func (w *watch) stalled() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.stopped {
		return false
	}
	if w.armed = w.conn.open.Load() > 0; !w.armed {
		return false
	}
	if count := w.count.Load(); count > w.seen || w.held.Load() {
		w.seen, w.quiet = count, 0
	} else {
		w.quiet++
	}
	switch w.quiet {
	case ticks:
		return true
	case ticks / 2:
		if w.conn.patient() {
			w.conn.ping(0)
			w.seen++ // writing it is no sign of life; the PONG is
		}
	}
	w.timer.Reset(w.timeout / ticks)
	return false
}

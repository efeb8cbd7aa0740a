package client

import (
	"sync"
	"sync/atomic"
	"time"
)

// watch fails a connection on which requests are open and nothing moves, and
// sends a PING where that is no fault of the server: for its answer, and for
// the server, which gives up on a silent client too. Its timer runs only while
// requests are open. Its lock is taken before that of the connection.
type watch struct {
	conn   *conn
	period time.Duration // of the timer's ticks
	ticks  int           // quiet ticks that are too many; 0 is no limit
	count  atomic.Int64  // grows whenever bytes move
	held   atomic.Bool   // the reader waits for a caller: silence is our own
	came   atomic.Int64  // grows whenever bytes come
	slow   bool          // what comes is read slowly on purpose

	mu      sync.Mutex
	timer   *time.Timer
	armed   bool
	stopped bool
	seen    int64 // count at the last tick
	left    int   // unacked at the last tick
	quiet   int   // ticks since count grew
	beats   int64 // ticks
	beat    int64 // came at the last PING that showed a slow reader
}

const (
	// minTicks is into how many parts a timeout is divided at least to look
	// for movement.
	minTicks = 4
	// pingTicks is how many quiet ticks come before a PING.
	pingTicks = 2
)

func (w *watch) init(c *conn, timeout time.Duration) {
	w.conn, w.period = c, c.limits.pingAfter/pingTicks
	if timeout > 0 {
		w.ticks = max(minTicks, int((timeout-1)/w.period)+1)
		w.period = timeout / time.Duration(w.ticks)
	}
}

// moved tells that n bytes, or so, came or went.
func (w *watch) moved(n int) { w.count.Add(int64(n)) }

// received is moved for what came.
func (w *watch) received(n int) {
	w.came.Add(int64(n))
	w.moved(n)
}

// start is called when the first request is opened.
func (w *watch) start() {
	w.moved(1)
	w.mu.Lock()
	defer w.mu.Unlock()
	switch {
	case w.armed || w.stopped:
		return
	case w.timer == nil:
		w.timer = time.AfterFunc(w.period, w.tick)
	default:
		w.timer.Reset(w.period)
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
	left := unacked(w.conn.nc)
	if left < w.left { // a server with a bandwidth limit reads, by and by, what was written at once
		w.moved(1)
	}
	w.left = left
	if count := w.count.Load(); count > w.seen || w.held.Load() {
		w.seen, w.quiet = count, 0
	} else {
		w.quiet++
	}
	switch {
	case w.ticks > 0 && w.quiet == w.ticks:
		return true
	case w.quiet == pingTicks && w.conn.patient():
		w.conn.ping(0)
		w.seen++ // writing it is no sign of life; the PONG is
	}
	w.showSlow()
	w.timer.Reset(w.period)
	return false
}

// showSlow sends a PING now and then for a reader that is slow on purpose. It takes so
// little at a time that the server's socket, which asks for more when a third of its
// buffer is free, may be silent for minutes. A server of which nothing comes is not
// shown anything, so that its own silence shows.
func (w *watch) showSlow() {
	if w.beats++; !w.slow || w.beats%pingTicks != 0 {
		return
	}
	if came := w.came.Load(); came > w.beat {
		w.beat = came
		w.conn.ping(uint64(w.beats))
	}
}

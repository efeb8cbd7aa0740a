package trial

import (
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"
)

// Relay passes connections on to a server, counts what passes and can end all of
// them after so many bytes, slow them down and alter what passes. Its address stays,
// whatever server is behind it.
type Relay struct {
	listener net.Listener
	target   atomic.Pointer[string]
	passed   atomic.Int64
	running  sync.WaitGroup

	mu     sync.Mutex
	open   map[net.Conn]bool
	closed bool
	after  int64  // bytes after which the connections end; 0 is never
	then   func() // called once before they do; may be nil
	count  int    // of connections
	filter func(connection int, up bool) Filter
	rate   int64     // bytes a second; 0 is no limit
	due    time.Time // when what has passed should have, at that rate
}

// Filter alters one way of a connection. One goroutine uses it.
type Filter interface {
	// Filter writes what is to come of b. Its error ends the connection.
	Filter(to io.Writer, b []byte) error
	// End writes what is to come yet when nothing more follows.
	End(to io.Writer) error
}

// SetFilter has f make the filters of later connections, which are numbered from 0
// on: up is from the client to the server. A nil filter, as a nil f, alters nothing.
func (r *Relay) SetFilter(f func(connection int, up bool) Filter) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.filter, r.count = f, 0
}

// SetRate bounds what passes, in bytes a second of all connections and both ways
// together; 0 is no limit.
func (r *Relay) SetRate(bytes int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.rate, r.due = bytes, time.Now()
}

// NewRelay starts a relay to the server at target, "host:port". It runs until
// Close.
func NewRelay(target string) (*Relay, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	return startRelay(target, listener), nil
}

func startRelay(target string, listener net.Listener) *Relay {
	r := &Relay{listener: listener, open: make(map[net.Conn]bool)}
	r.SetTarget(target)
	r.running.Go(r.accept)
	return r
}

// Address returns where the relay listens.
func (r *Relay) Address() string { return r.listener.Addr().String() }

// SetTarget has later connections go to another server.
func (r *Relay) SetTarget(target string) { r.target.Store(&target) }

// Passed returns how many bytes have passed, both ways together, since
// CutAfter or the start.
func (r *Relay) Passed() int64 { return r.passed.Load() }

// CutAfter begins to count anew, and ends all connections once so many bytes, in
// both directions together, have come; 0 is never. Before that it calls then,
// which may be nil.
func (r *Relay) CutAfter(bytes int64, then func()) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.passed.Store(0)
	r.after, r.then = bytes, then
}

// Cut ends all connections.
func (r *Relay) Cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for c := range r.open {
		_ = c.Close() // that is what it is for
	}
	clear(r.open)
}

// Close ends the relay and all connections.
func (r *Relay) Close() {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	_ = r.listener.Close() // nothing is written to it
	r.Cut()
	r.running.Wait()
}

func (r *Relay) accept() {
	for {
		near, err := r.listener.Accept()
		if err != nil {
			return
		}
		far, err := net.Dial("tcp", *r.target.Load())
		if err != nil || !r.add(near, far) {
			_ = near.Close() // it has no server
		}
	}
}

// add begins to pass a connection on to its other half, unless the relay has ended.
func (r *Relay) add(near, far net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		_ = far.Close() // nothing was written to it
		return false
	}
	r.open[near], r.open[far] = true, true
	var up, down Filter
	if r.filter != nil {
		up, down = r.filter(r.count, true), r.filter(r.count, false)
	}
	r.count++
	r.running.Go(func() { r.pass(near, far, down) })
	r.running.Go(func() { r.pass(far, near, up) })
	return true
}

// pass copies one way of a connection until either end or the relay ends it.
func (r *Relay) pass(to, from net.Conn, filter Filter) {
	defer r.drop(to)
	defer r.drop(from)
	b := make([]byte, 32<<10)
	for {
		n, err := from.Read(b)
		if err != nil {
			if filter != nil {
				_ = filter.End(to) // both are closed next
			}
			return
		}
		if r.enough(int64(n)) {
			r.Cut()
			return
		}
		r.pace(int64(n))
		if filter != nil {
			err = filter.Filter(to, b[:n])
		} else {
			_, err = to.Write(b[:n])
		}
		if err != nil {
			return
		}
	}
}

// drop ends a connection.
func (r *Relay) drop(c net.Conn) {
	_ = c.Close() // nothing more is to be written to it
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.open, c)
}

// pace waits until n more bytes may pass.
func (r *Relay) pace(n int64) {
	r.mu.Lock()
	if r.rate == 0 {
		r.mu.Unlock()
		return
	}
	now := time.Now()
	if r.due.Before(now) {
		r.due = now // what was not used before is not saved
	}
	wait := r.due.Sub(now)
	r.due = r.due.Add(time.Duration(n) * time.Second / time.Duration(r.rate))
	r.mu.Unlock()
	time.Sleep(wait)
}

// enough counts bytes, and tells whether they are too many.
func (r *Relay) enough(n int64) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if passed := r.passed.Add(n); r.after == 0 || passed < r.after {
		return false
	}
	if r.then != nil {
		r.then()
		r.then = nil
	}
	return true
}

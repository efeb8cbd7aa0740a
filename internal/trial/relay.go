package trial

import (
	"net"
	"sync"
	"sync/atomic"
)

// Relay passes connections on to a server, counts what passes and can end all of
// them after so many bytes. Its address stays, whatever server is behind it.
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
}

// NewRelay starts a relay to the server at target, "host:port". It runs until
// Close.
func NewRelay(target string) (*Relay, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &Relay{listener: listener, open: make(map[net.Conn]bool)}
	r.SetTarget(target)
	r.running.Go(r.accept)
	return r, nil
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
			continue
		}
		r.running.Go(func() { r.pass(near, far) })
		r.running.Go(func() { r.pass(far, near) })
	}
}

// add notes a connection and its other half, unless the relay has ended.
func (r *Relay) add(near, far net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.closed {
		_ = far.Close() // nothing was written to it
		return false
	}
	r.open[near], r.open[far] = true, true
	return true
}

// pass copies one way of a connection until either end or the relay ends it.
func (r *Relay) pass(to, from net.Conn) {
	defer to.Close()
	defer from.Close()
	b := make([]byte, 32<<10)
	for {
		n, err := from.Read(b)
		if err != nil {
			return
		}
		if r.enough(int64(n)) {
			r.Cut()
			return
		}
		if _, err := to.Write(b[:n]); err != nil {
			return
		}
	}
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

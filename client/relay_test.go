package client

import (
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// relay passes connections on to a server, and cuts them when so many bytes
// have passed. Its address stays the same whatever server is behind it.
type relay struct {
	address string
	target  atomic.Pointer[string]
	cutAt   atomic.Int64 // of both directions together, from the last reset; 0 is never
	passed  atomic.Int64

	mu   sync.Mutex
	open []net.Conn
}

// relayTo starts a relay to a server.
func relayTo(t testing.TB, target string) *relay {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	r := &relay{address: listener.Addr().String()}
	r.target.Store(&target)
	var running sync.WaitGroup
	running.Go(func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			far, err := net.Dial("tcp", *r.target.Load())
			if err != nil {
				_ = near.Close()
				continue
			}
			r.mu.Lock()
			r.open = append(r.open, near, far)
			r.mu.Unlock()
			running.Go(func() { r.pass(near, far) })
			running.Go(func() { r.pass(far, near) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		r.cut()
		running.Wait()
	})
	return r
}

// pass copies one way of a connection.
func (r *relay) pass(to, from net.Conn) {
	defer to.Close()
	defer from.Close()
	b := make([]byte, 32<<10)
	for {
		n, err := from.Read(b)
		if err != nil {
			return
		}
		limit, passed := r.cutAt.Load(), r.passed.Add(int64(n))
		if limit > 0 && passed >= limit {
			r.cut()
			return
		}
		if _, err := to.Write(b[:n]); err != nil {
			return
		}
	}
}

// cut ends all connections.
func (r *relay) cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for _, c := range r.open {
		_ = c.Close()
	}
	r.open = nil
}

// reset counts from 0 again and cuts after so many bytes.
func (r *relay) reset(cutAt int64) {
	r.passed.Store(0)
	r.cutAt.Store(cutAt)
}

// Package relay passes TCP connections on and delays what they carry, each
// direction by the same time, without a limit on how much is under way: a long
// line, where the kernel has none to offer (tc-netem(8)).
package relay

import (
	"context"
	"io"
	"net"
	"sync"
	"time"
)

// A Relay listens on a free port of this machine.
type Relay struct {
	listener net.Listener
	target   string
	delay    time.Duration
	ctx      context.Context // done when the relay closes
	cancel   context.CancelFunc
	tasks    sync.WaitGroup
}

// Start starts a relay to target, HOST:PORT, that delays each direction.
func Start(target string, delay time.Duration) (*Relay, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	r := &Relay{listener: listener, target: target, delay: delay}
	r.ctx, r.cancel = context.WithCancel(context.Background())
	r.tasks.Go(r.accept)
	return r, nil
}

// Address returns where it listens, HOST:PORT.
func (r *Relay) Address() string { return r.listener.Addr().String() }

// Close ends the relay and all its connections.
func (r *Relay) Close() error {
	r.cancel()
	err := r.listener.Close()
	r.tasks.Wait()
	return err
}

func (r *Relay) accept() {
	for {
		client, err := r.listener.Accept()
		if err != nil {
			return // closed, or of no use any more: clients see it
		}
		r.tasks.Go(func() { r.pass(client) })
	}
}

// until waits, and says whether the relay is still to go on.
func (r *Relay) until(due time.Time) bool {
	wait := time.Until(due)
	if wait <= 0 {
		return r.ctx.Err() == nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.ctx.Done():
		return false
	}
}

// pass carries one connection to its end.
//
// The client's connect has returned at once, but on a long line it takes a
// round trip: until then nothing of what the client sends is taken. The server
// learns of the connection when the third packet of the handshake arrives,
// another delay later.
func (r *Relay) pass(client net.Conn) {
	defer client.Close()
	opened := time.Now()
	if !r.until(opened.Add(2 * r.delay)) {
		return
	}
	up, down := newQueue(r.delay), newQueue(r.delay)
	var pumps sync.WaitGroup
	defer pumps.Wait()
	stop := context.AfterFunc(r.ctx, func() { _ = client.Close() }) // makes the pumps end
	defer stop()
	pumps.Go(func() { fill(up, client) })
	defer client.Close() // whatever ends this function ends the pump
	if !r.until(opened.Add(3 * r.delay)) {
		up.fail()
		return
	}
	server, err := net.Dial("tcp", r.target)
	if err != nil {
		up.fail()
		return
	}
	defer server.Close()
	stopServer := context.AfterFunc(r.ctx, func() { _ = server.Close() })
	defer stopServer()
	var ways sync.WaitGroup
	ways.Go(func() { r.drain(up, server) })
	ways.Go(func() { r.drain(down, client) })
	pumps.Go(func() { fill(down, server) })
	ways.Wait()
}

// pieceMax is the most that is read at once.
const pieceMax = 256 << 10

// fill puts into a queue what comes from a connection. A connection that breaks
// is one that ends: what came before still arrives.
func fill(q *queue, from io.Reader) {
	buffer := make([]byte, pieceMax)
	for {
		n, err := from.Read(buffer)
		now := time.Now()
		if n > 0 && !q.push(now, append([]byte(nil), buffer[:n]...)) {
			return
		}
		if err != nil {
			q.end(now)
			return
		}
	}
}

// drain writes what a queue holds to a connection, each piece when it is due.
func (r *Relay) drain(q *queue, to net.Conn) {
	for {
		piece, ok := q.next()
		switch {
		case !ok:
			return
		case !r.until(piece.due):
			q.fail()
			return
		case piece.data == nil:
			endWriting(to)
			return
		}
		if _, err := to.Write(piece.data); err != nil {
			q.fail()
			return
		}
	}
}

// endWriting passes on that one side has ended, and leaves the other open.
func endWriting(to net.Conn) {
	half, ok := to.(interface{ CloseWrite() error })
	if !ok || half.CloseWrite() != nil {
		_ = to.Close() // it is closed already, or knows no other end
	}
}

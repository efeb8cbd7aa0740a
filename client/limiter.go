package client

import (
	"context"
	"net"
	"sync"
	"time"
)

// Limiter bounds what connections send, and what they receive, to a number of bytes
// a second in each direction, over all of them together. It is given to connections by
// Options.Dial. It slows reading itself down, so that a server waits as for a slow
// line, and sends what is written in small pieces, so that neither side takes the other
// for dead.
type Limiter struct{ sent, received bucket }

// MinRate is the least that a Limiter limits to, in bytes a second. With less, every
// timeout on the way would take a transfer for dead.
const MinRate = 1000

// NewLimiter returns a limiter to so many bytes a second, at least MinRate.
func NewLimiter(rate int64) *Limiter {
	rate = max(MinRate, rate)
	return &Limiter{sent: bucket{rate: rate}, received: bucket{rate: rate}}
}

// Dial returns a function for Options.Dial that connects as dial does, or as net.Dialer
// where that is nil, and limits the connections.
func (l *Limiter) Dial(dial func(ctx context.Context, network, address string) (net.Conn, error)) func(context.Context, string, string) (net.Conn, error) {
	if dial == nil {
		dial = new(net.Dialer).DialContext
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		return &limitedConn{Conn: conn, limiter: l, closed: make(chan struct{}), moved: func() {}}, nil
	}
}

// bucket is a token bucket that holds no more than a piece: enough to make up for a
// timer that is late, and too little for a burst after a rest.
type bucket struct {
	rate int64 // bytes a second

	mu   sync.Mutex
	next time.Time // when what was taken so far is paid for
}

// piecesPerSecond is how finely a limit is spread over a second.
const piecesPerSecond = 20

// piece is how many bytes move at once.
func (b *bucket) piece() int { return int(min(b.rate/piecesPerSecond, 1<<20)) }

// wait waits until more may be taken. It returns false where quit was closed before.
func (b *bucket) wait(quit <-chan struct{}) bool {
	for {
		b.mu.Lock()
		left := time.Until(b.next)
		b.mu.Unlock()
		if left <= 0 {
			return true
		}
		timer := time.NewTimer(left)
		select {
		case <-timer.C:
		case <-quit:
			timer.Stop()
			return false
		}
	}
}

// take counts bytes that moved.
func (b *bucket) take(n int) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if full := time.Now().Add(-time.Second / piecesPerSecond); b.next.Before(full) {
		b.next = full
	}
	b.next = b.next.Add(time.Duration(float64(n) / float64(b.rate) * float64(time.Second)))
}

// limitedConn is a connection with a limit.
type limitedConn struct {
	net.Conn
	limiter *Limiter
	moved   func() // told of each piece of a longer Write, which may be long before it returns

	once   sync.Once
	closed chan struct{}
}

// NetConn returns the connection that is limited.
func (c *limitedConn) NetConn() net.Conn { return c.Conn }

// Read reads a piece when its turn has come.
func (c *limitedConn) Read(b []byte) (int, error) {
	in := &c.limiter.received
	if !in.wait(c.closed) {
		return 0, net.ErrClosed
	}
	n, err := c.Conn.Read(b[:min(len(b), in.piece())])
	in.take(n)
	return n, err
}

// Write writes piece by piece, each when its turn has come.
func (c *limitedConn) Write(b []byte) (int, error) {
	out := &c.limiter.sent
	written := 0
	for written < len(b) {
		if !out.wait(c.closed) {
			return written, net.ErrClosed
		}
		n, err := c.Conn.Write(b[written : written+min(len(b)-written, out.piece())])
		written += n
		out.take(n)
		if err != nil {
			return written, err
		}
		if written < len(b) {
			c.moved()
		}
	}
	return written, nil
}

// Close ends the waiting as well.
func (c *limitedConn) Close() error {
	c.once.Do(func() { close(c.closed) })
	return c.Conn.Close()
}

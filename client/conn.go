package client

import (
	"context"
	"errors"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"ftpd/protocol"
)

// conn is a connection after its greeting: the requests in flight on it, one
// goroutine that reads and one that writes. Nothing is retried: the first
// failure ends it, and every request gets that error.
type conn struct {
	nc       net.Conn
	address  string
	server   Server
	limits   limits
	in       *receiver // the reader's
	gathered []*flight // likewise: answered, not handed over
	sender   *sender
	slots    chan struct{} // holds a token for each request in flight
	open     atomic.Int32  // requests in flight, and callers that wait for a slot
	joined   chan struct{} // holds a token when open has grown
	watch    watch
	running  sync.WaitGroup

	dead    chan struct{} // closed once err is set
	closing chan struct{} // closed by close: no more requests
	idle    chan struct{} // closed when closing and nothing is in flight

	mu       sync.Mutex
	requests map[uint32]*request
	last     uint32                   // the last request number given out
	pings    map[uint64]chan struct{} // without an answer; 0 is that of watch
	away     *Error                   // the server takes no more requests
	closed   bool                     // closing is closed
	writeErr error
	err      error // why dead is closed
}

// newConn makes a connection of one that has been greeted; start has it work.
func newConn(in *receiver, server Server, timeout time.Duration, limits limits) *conn {
	c := &conn{
		nc:       in.conn,
		address:  server.Address,
		server:   server,
		limits:   limits,
		in:       in,
		sender:   newSender(in.greeted),
		slots:    make(chan struct{}, server.InFlight),
		joined:   make(chan struct{}, 1),
		dead:     make(chan struct{}),
		closing:  make(chan struct{}),
		idle:     make(chan struct{}),
		requests: make(map[uint32]*request),
		pings:    make(map[uint64]chan struct{}),
	}
	c.watch.init(c, timeout)
	return c
}

// start starts the goroutines. raw is what was dialled, below TLS.
func (c *conn) start(raw net.Conn) {
	if slow, ok := raw.(*limitedConn); ok {
		c.watch.slow, slow.moved = true, func() { c.watch.moved(1) }
	}
	c.running.Go(c.read)
	c.running.Go(c.write)
}

// begin gives r a number and a place among the requests in flight; the caller
// then queues its first frame.
func (c *conn) begin(ctx context.Context, r *request) error {
	if err := ctx.Err(); err != nil {
		return r.wrap(err)
	}
	if err := checkPath(r.op, r.path); err != nil {
		return err
	}
	if c.open.Add(1) == 1 {
		c.watch.start()
	}
	signal(c.joined)
	if err := c.slot(ctx, r.now); err != nil {
		c.open.Add(-1)
		return r.wrap(err)
	}
	r.conn = c
	if r.flight == nil {
		r.inbox.init()
	}
	if err := c.register(r); err != nil {
		c.release()
		return r.wrap(err)
	}
	return nil
}

// errNoSlot is that no more requests may be in flight now.
var errNoSlot = errors.New("as many requests are in flight as may be")

// slot takes the place of one more request in flight, for which it waits unless
// that is to be now.
func (c *conn) slot(ctx context.Context, now bool) error {
	select {
	case c.slots <- struct{}{}:
		return nil
	default:
	}
	if now {
		return errNoSlot
	}
	c.sender.wake() // what is queued may have to leave before one is free
	select {
	case c.slots <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-c.closing:
		return ErrClosed
	case <-c.dead:
		return c.cause()
	}
}

// refusal returns why no request may begin. c.mu is held.
func (c *conn) refusal() error {
	switch {
	case c.closed:
		return ErrClosed
	case c.away != nil: // even if the connection has ended since: this is why
		return c.away
	}
	return c.err
}

func (c *conn) refused() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.refusal()
}

// ended returns why no request may begin once the connection is dead, and nil
// before that.
func (c *conn) ended() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.err == nil {
		return nil
	}
	return c.refusal()
}

// over reports that no request may begin any more.
func (c *conn) over() bool { return c.refused() != nil }

func (c *conn) register(r *request) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if err := c.refusal(); err != nil {
		return err
	}
	for {
		c.last++
		if c.last != 0 && c.requests[c.last] == nil {
			break
		}
	}
	r.id = c.last
	c.requests[r.id] = r
	return nil
}

// release gives back the place that begin took.
func (c *conn) release() {
	<-c.slots
	c.open.Add(-1)
}

// forget ends a request that has had its last reply and whose sending is over.
// c.mu is held.
func (c *conn) forget(r *request) {
	delete(c.requests, r.id)
	c.release()
	if c.closed && len(c.requests) == 0 {
		close(c.idle)
	}
}

// sent tells that a PUT's END is queued.
func (c *conn) sent(r *request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.sending {
		r.sending = false
		if r.delivered && !r.owing() {
			c.forget(r)
		}
	}
}

// repaid tells that a block is queued which the server had asked for again.
func (c *conn) repaid(r *request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.cancelled {
		return
	}
	if r.owes--; r.delivered && !r.owing() {
		c.forget(r)
	}
}

// cancel ends a request on the wire unless it is over there.
func (c *conn) cancel(r *request) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if r.cancelled || r.final && !r.owing() {
		return
	}
	r.cancelled = true
	c.sender.message(r.id, protocol.Cancel{})
	if r.sending, r.owes = false, 0; r.delivered {
		c.forget(r)
	}
}

// fail ends the connection; the first error is the one that counts.
func (c *conn) fail(err error) {
	c.mu.Lock()
	first := c.err == nil
	if first {
		c.err = err
		close(c.dead)
	}
	c.mu.Unlock()
	if first {
		c.watch.stop()
		_ = c.nc.Close() // whatever it says, nothing more is read or written
	}
}

// cause returns why the connection is dead.
func (c *conn) cause() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.err
}

// close is Client.Close.
func (c *conn) close() {
	c.mu.Lock()
	if !c.closed {
		c.closed = true
		close(c.closing)
		c.sender.message(0, protocol.Bye{})
		if len(c.requests) == 0 {
			close(c.idle)
		}
	}
	c.mu.Unlock()
	limit := time.NewTimer(c.limits.closeWait)
	defer limit.Stop()
	select {
	case <-c.idle:
		c.sender.end()
		select {
		case <-c.sender.ended:
		case <-c.dead:
		case <-limit.C:
		}
	case <-c.dead:
	case <-limit.C:
	}
	c.fail(ErrClosed)
	c.running.Wait()
}

// read is the reader goroutine.
func (c *conn) read() {
	for {
		n, err := c.in.read()
		if err != nil {
			c.fail(c.readError(err))
			return
		}
		c.watch.received(n)
		if err := c.frames(); err != nil {
			c.fail(err)
			return
		}
	}
}

// errHungUp is io.EOF for people.
var errHungUp = errors.New("the server closed the connection")

// readError says what the end of what comes in means. Where writing failed
// before, that is the cause.
func (c *conn) readError(err error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.closed:
		return ErrClosed
	case c.writeErr != nil:
		return &NetworkError{Op: "write", Address: c.address, Err: c.writeErr}
	case errors.Is(err, io.EOF):
		err = errHungUp
	}
	return &NetworkError{Op: "read", Address: c.address, Err: err}
}

// write is the writer goroutine. When it cannot go on, the reader ends the
// connection: the server's own reason may be on its way.
func (c *conn) write() {
	defer close(c.sender.ended)
	err := c.sender.run(c.nc, c.dead, func() { c.watch.moved(1) })
	if err == nil {
		c.sayEnd()
		return
	}
	c.mu.Lock()
	c.writeErr = err
	c.mu.Unlock()
	if c.nc.SetReadDeadline(time.Now().Add(c.limits.lastWords)) != nil {
		c.fail(&NetworkError{Op: "write", Address: c.address, Err: err})
	}
}

// sayEnd ends what is sent so that nobody takes it for cut, where the connection has a
// way to say that.
func (c *conn) sayEnd() {
	if secure, ok := c.nc.(*secureConn); ok && c.cause() == nil {
		_ = secure.CloseWrite() // the server has had BYE
	}
}

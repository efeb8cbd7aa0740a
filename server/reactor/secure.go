package reactor

import (
	"crypto/tls"
	"errors"
	"io"
	"math"

	"golang.org/x/sys/unix"
)

const (
	// sealAtOnce is how many bytes become records at once: fifteen full records and
	// what they add fit in a LargeBuffer, and leave in one write.
	sealAtOnce = 15 << 14
	// maxRecord is what a record can have, with what is around it (RFC 8446 5.2), in bytes.
	maxRecord = 1<<14 + 256 + 5
	// sealedMore is more than a record adds to its bytes: a header, a type and a tag
	// (RFC 8446 5.2).
	sealedMore = 64
	// foreignRecord is what a plain client is told that comes to a port with TLS.
	foreignRecord = "ftpd: this port speaks TLS 1.3; connect with ftpds:// or --tls\r\n"
	// maxAnswers bounds what TLS itself has to say and the peer does not take, in bytes: an
	// answer to KeyUpdate has 27, and an honest peer asks for one in many gigabytes.
	maxAnswers = 4 << 10
	// handshakeRecord is the first byte of every TLS connection (RFC 8446 5.1).
	handshakeRecord = 22
)

// errCut is that the peer's bytes ended without close_notify: somebody may have cut them
// (RFC 8446 6.1).
var errCut = errors.New("TLS ended without close_notify")

// errAnswers is that the peer has asked for more than maxAnswers, and takes none of it.
var errAnswers = errors.New("the peer asks for other keys and takes no answer")

// secure is TLS over TCP. The handshake has a goroutine of its own, for crypto/tls cannot
// suspend one; after it records are opened and sealed on the loop, between the buffers of
// wire.
type secure struct {
	conn      *Conn
	tls       *tls.Conn
	wire      *wire
	handshake *handshake // until it is over
	failed    bool       // it was in vain: only an alert is left to be written
	more      bool       // something may have been read that the selector cannot tell of
	fetched   int        // bytes that this Read has had from the socket
	held      bool       // and there may be more: see fetch
	answers   int        // bytes among those of wire.out that are not the session's
	farewell  bool       // close_notify is written

	sealed *Buffer // in which wire.out lies, while there is some
	opened *Buffer // in which wire.in lies, while there is some
}

func newSecure(c *Conn, config *tls.Config) *secure {
	t := &secure{conn: c, handshake: &handshake{}}
	t.handshake.secure = t
	t.wire = &wire{shaking: true, turns: c.loop.turns, fetch: t.fetch}
	t.wire.arrived.L = &t.wire.mu
	t.wire.paused = func() { c.loop.offload.finish(completion{conn: c, job: flight{t}}) }
	t.tls = tls.Server(t.wire, config)
	return t
}

// Read fills p with what has arrived, of as many records as there are.
func (t *secure) Read(p []byte) (n int, err error) {
	if t.answers > maxAnswers {
		return 0, errAnswers
	}
	t.fetched, t.held = 0, false
	unsent := len(t.wire.out)
	for n < len(p) {
		var opened int
		opened, err = t.tls.Read(p[n:])
		n += opened
		if err != nil {
			break
		}
	}
	t.answers += len(t.wire.out) - unsent
	t.more = err == nil || t.held
	switch {
	case n > 0: // an error comes again
		t.more = true
		return n, nil
	case errors.As(err, &nothing{}):
		return 0, errWouldBlock
	case errors.Is(err, io.EOF): // with close_notify: errCut is the other end
		return 0, nil
	}
	return 0, err
}

// fetch has wire.in filled from the socket, once in a Read: what a peer sends besides bytes for
// the session, such as KeyUpdate, counts for no budget, and each costs a derivation of keys.
func (t *secure) fetch() error {
	loop := t.conn.loop
	if t.fetched > 0 {
		t.held = true
		return nothing{}
	}
	if t.opened == nil {
		t.opened = loop.buffers.must(classOf(MediumBuffer))
	}
	n, err := (*plain)(t.conn).Read(t.opened.Bytes)
	if n > 0 {
		t.fetched = n
		t.wire.in = t.opened.Bytes[:n]
		return nil
	}
	loop.buffers.put(t.opened)
	t.opened = nil
	switch {
	case errors.Is(err, errWouldBlock):
		return nothing{}
	case err == nil:
		return errCut
	}
	return err
}

// Write seals as much of p as fits, once what was sealed before is gone.
func (t *secure) Write(p []byte) (int, error) {
	if err := t.Flush(); err != nil {
		return 0, err
	}
	p = p[:min(len(p), sealAtOnce)]
	t.sealed = t.conn.loop.buffers.must(classOf(len(p) + sealedMore*(len(p)>>14+1)))
	t.wire.out = t.sealed.Bytes[:0]
	n, err := t.tls.Write(p)
	if err != nil {
		return 0, err
	}
	if err := t.Flush(); err != nil && !errors.Is(err, errWouldBlock) {
		return 0, err
	}
	return n, nil
}

// Flush writes what is sealed, which is movement where the session has made it.
func (t *secure) Flush() error {
	t.wire.mu.Lock() // of a handshake
	defer t.wire.mu.Unlock()
	for len(t.wire.out) > 0 {
		n, err := (*plain)(t.conn).Write(t.wire.out)
		if err != nil {
			return err
		}
		t.wire.out = t.wire.out[n:]
		if loop := t.conn.loop; t.sealed != nil {
			t.conn.moved = loop.now.Sub(loop.epoch)
		}
	}
	t.wire.out, t.answers = nil, 0
	if t.sealed != nil {
		t.conn.loop.buffers.put(t.sealed)
		t.sealed = nil
	}
	return nil
}

// Unsent returns the bytes that are sealed and not yet written.
func (t *secure) Unsent() int {
	t.wire.mu.Lock()
	defer t.wire.mu.Unlock()
	return len(t.wire.out)
}

// Cost is all of a turn where much came of which little was for the session: such records may
// have been dear. What records add to bytes is little, and the end of one may be still to come.
func (t *secure) Cost(n int) int {
	if t.fetched > n+n/8+2*maxRecord {
		return math.MaxInt
	}
	return n
}

// More reports whether a Read may find something that the selector does not tell of.
func (t *secure) More() bool { return t.more }

// Farewell adds close_notify, behind which nothing comes.
func (t *secure) Farewell() {
	if t.handshake == nil && !t.failed && !t.farewell {
		t.farewell = true
		_ = t.tls.CloseWrite() // it goes to memory
	}
}

func (t *secure) CloseWrite() error { return unix.Shutdown(int(t.conn.fd), unix.SHUT_WR) }

// Release gives back what the connection holds; a handshake that waits ends.
func (t *secure) Release() {
	for _, b := range []*Buffer{t.sealed, t.opened} {
		if b != nil {
			t.conn.loop.buffers.put(b)
		}
	}
	t.sealed, t.opened = nil, nil
	t.more = false
	t.wire.cut()
	if t.handshake != nil {
		t.conn.loop.shakes.remove(t.handshake)
	} else {
		t.wire.in, t.wire.out = nil, nil
	}
}

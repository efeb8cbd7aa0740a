package client

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"ftpd/protocol"
)

// peer is a server that does what a test's script tells it, lawful or not.
type peer struct {
	t       testing.TB
	conn    net.Conn
	decoder protocol.Decoder

	writing sync.Mutex
	sent    uint64 // bytes
	chunk   int    // bytes of one write; 0 is all
}

// peerOptions are how a peer is reached; the zero value is the default.
type peerOptions struct {
	options  Options
	limits   func(*limits)
	inFlight uint16 // that WELCOME tells
	chunk    int
	silent   bool // the script does the greeting
	limiter  *Limiter
	tls      *tls.Config // of the peer; nil is plain
}

// withPeer returns a client that is connected to a peer with a script. The
// script runs on a goroutine of its own, which the test waits for; when it
// returns the connection is closed.
func withPeer(t testing.TB, o peerOptions, script func(p *peer)) *Client {
	t.Helper()
	c, err := dialPeer(t, o, script)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func dialPeer(t testing.TB, o peerOptions, script func(p *peer)) (*Client, error) {
	t.Helper()
	ours, theirs := net.Pipe()
	if o.tls != nil {
		theirs = tls.Server(theirs, o.tls)
	}
	p := &peer{t: t, conn: theirs, decoder: protocol.NewDecoder(protocol.Client), chunk: o.chunk}
	p.decoder.Attach(make([]byte, protocol.BlockBuffer))
	o.options.Dial = func(context.Context, string, string) (net.Conn, error) { return ours, nil }
	if o.limiter != nil {
		o.options.Dial = o.limiter.Dial(o.options.Dial)
	}
	limits := defaultLimits()
	limits.closeWait = time.Second
	if o.limits != nil {
		o.limits(&limits)
	}
	var running sync.WaitGroup
	running.Go(func() {
		defer theirs.Close()
		if !o.silent {
			p.expect(protocol.OpHello)
			p.send(0, protocol.Welcome{InFlight: max(o.inFlight, 1+127*b2u(o.inFlight == 0)), BlockSize: protocol.BlockSize, Agent: "peer"})
		}
		script(p)
	})
	c, err := dialFirst(context.Background(), "peer", o.options.withDefaults(), limits)
	t.Cleanup(func() {
		if c != nil {
			_ = c.Close()
		}
		_ = ours.Close()
		running.Wait()
	})
	return c, err
}

// only returns a client's one connection.
func only(c *Client) *conn { return c.lines[0].last() }

func b2u(b bool) uint16 {
	if b {
		return 1
	}
	return 0
}

// next returns the next frame; false when the client has gone.
func (p *peer) next() (protocol.Frame, bool) {
	for {
		f, ok, err := p.decoder.Next()
		if err != nil {
			p.t.Errorf("the client broke the protocol: %v", err)
			return f, false
		}
		if ok {
			f.Payload = append([]byte(nil), f.Payload...)
			return f, true
		}
		n, err := p.conn.Read(p.decoder.Space())
		p.decoder.Advance(n)
		if n == 0 && err != nil {
			if !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrClosedPipe) && !errors.Is(err, net.ErrClosed) {
				p.t.Errorf("reading from the client: %v", err)
			}
			return protocol.Frame{}, false
		}
	}
}

// expect returns the next frame, which has to be an op.
func (p *peer) expect(op protocol.Opcode) protocol.Frame {
	f, ok := p.next()
	if !ok {
		p.t.Errorf("the client has gone, and no %s came", op)
	} else if f.Opcode != op {
		p.t.Errorf("%s came, and no %s", f.Opcode, op)
	}
	return f
}

// drain takes what comes until the client has gone.
func (p *peer) drain() {
	for {
		if _, ok := p.next(); !ok {
			return
		}
	}
}

// send sends a message. An error is not the script's concern: the client may
// have gone for good reasons.
func (p *peer) send(request uint32, m protocol.Message) { p.raw(protocol.Append(nil, request, m)) }

func (p *peer) raw(b []byte) {
	p.writing.Lock()
	defer p.writing.Unlock()
	p.write(b)
}

// pong answers a PING.
func (p *peer) pong(f protocol.Frame) {
	m := decoded[protocol.Ping](p, f)
	p.writing.Lock()
	defer p.writing.Unlock()
	p.write(protocol.Append(nil, f.Request, protocol.Pong{Position: p.sent, Content: m.Content}))
}

// write writes under the lock.
func (p *peer) write(b []byte) {
	p.sent += uint64(len(b))
	for len(b) > 0 {
		n := len(b)
		if p.chunk > 0 {
			n = min(n, p.chunk)
		}
		if _, err := p.conn.Write(b[:n]); err != nil {
			return
		}
		b = b[n:]
	}
}

func (p *peer) data(request uint32, offset uint64, b []byte) {
	p.send(request, protocol.Data{Offset: offset, Digest: protocol.BlockDigest(b), Bytes: b})
}

func (p *peer) fail(request uint32, code protocol.Code) {
	p.send(request, protocol.Error{Code: code, Message: "the script says so"})
}

// file sends a whole answer to a GET, unless it is cancelled.
func (p *peer) file(request uint32, content []byte, offset uint64, cancelled func() bool) {
	p.send(request, metaOfFile(content))
	var tree protocol.Tree
	size := uint64(len(content))
	for offset < size {
		if cancelled() {
			p.fail(request, protocol.Cancelled)
			return
		}
		end := protocol.BlockEnd(offset, size)
		p.data(request, offset, content[offset:end])
		tree.Add(protocol.BlockDigest(content[offset:end]), int(end-offset))
		offset = end
	}
	p.send(request, protocol.End{Size: tree.Size(), ETag: 7, Algorithm: protocol.XXH3Tree, Digest: tree.Sum()})
}

func metaOfFile(content []byte) protocol.Meta {
	return protocol.Meta{Kind: protocol.File, Mode: 0o640, Size: uint64(len(content)), Mtime: 1e18, ETag: 7}
}

// treeOf returns the digest of a whole file.
func treeOf(content []byte) protocol.Digest {
	var tree protocol.Tree
	for len(content) > 0 {
		n := min(len(content), protocol.BlockSize)
		tree.Add(protocol.BlockDigest(content[:n]), n)
		content = content[n:]
	}
	return tree.Sum()
}

// bytesOf returns n bytes that differ from block to block.
func bytesOf(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i ^ i>>8 ^ i>>17)
	}
	return b
}

// decoded decodes a frame that the peer got.
func decoded[M any, P protocol.Decodable[M]](p *peer, f protocol.Frame) M {
	m, err := protocol.Decode[M, P](f)
	if err != nil {
		p.t.Error(err)
	}
	return m
}

package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"strings"
	"testing"
	"testing/iotest"
	"time"

	"ftpd/protocol"
)

// entries sends n entries in batches.
func (p *peer) entries(id uint32, n int) {
	for sent := 0; sent < n; {
		var batch protocol.Entries
		for ; sent < n && len(batch.List) < 1000; sent++ {
			batch.List = append(batch.List, protocol.Entry{Path: fmt.Sprintf("file-%d", sent), Meta: metaOfFile(nil)})
		}
		p.send(id, batch)
	}
}

// GOAWAY lets what is in flight finish, and nothing begin.
func TestGoaway(t *testing.T) {
	c := withPeer(t, peerOptions{}, func(p *peer) {
		f := p.expect(protocol.OpStat)
		p.send(0, protocol.Goaway{Code: protocol.ShuttingDown, Message: "bye"})
		p.send(f.Request, metaOfFile(bytesOf(5)))
	})
	if info, err := c.Stat(limit(t), "a"); err != nil || info.Size != 5 {
		t.Fatal(info, err)
	}
	for range 2 {
		var e *Error
		if _, err := c.Stat(limit(t), "a"); !errors.Is(err, ErrShuttingDown) || !errors.As(err, &e) || !e.Retry {
			t.Error(err)
		}
		<-only(c).dead // the peer hangs up: the reason stays
	}
}

// Close sends BYE, lets what is in flight finish and refuses what comes later.
func TestClose(t *testing.T) {
	closing := make(chan struct{})
	o := peerOptions{limits: func(l *limits) { l.closeWait = time.Hour }} // nothing is waited for that need not be
	c := withPeer(t, o, func(p *peer) {
		f := p.expect(protocol.OpStat)
		close(closing)
		p.expect(protocol.OpBye)
		p.send(f.Request, metaOfFile(bytesOf(5)))
		p.drain()
	})
	done := make(chan error)
	go func() {
		_, err := c.Stat(context.Background(), "a")
		done <- err
	}()
	<-closing
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; err != nil {
		t.Errorf("what was in flight failed: %v", err)
	}
	if _, err := c.Stat(limit(t), "a"); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	if _, err := c.Ping(limit(t)); !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
	_ = c.Close() // again is no error
}

// Close does not wait for ever for a server that answers nothing.
func TestCloseUnanswered(t *testing.T) {
	begun := make(chan struct{})
	o := peerOptions{limits: func(l *limits) { l.closeWait = 10 * time.Millisecond }}
	c := withPeer(t, o, func(p *peer) {
		p.expect(protocol.OpStat)
		close(begun)
		p.drain()
	})
	done := make(chan error)
	go func() {
		_, err := c.Stat(context.Background(), "a")
		done <- err
	}()
	<-begun
	_ = c.Close()
	if err := <-done; !errors.Is(err, ErrClosed) {
		t.Error(err)
	}
}

// While the server is at work on something long, its PONG is a sign of life;
// for a request that it should answer at once it is not enough.
func TestPatience(t *testing.T) {
	pings := 0
	o := peerOptions{options: Options{Timeout: 40 * time.Millisecond}}
	c := withPeer(t, o, func(p *peer) {
		sum := p.expect(protocol.OpSum)
		for pings < 5 {
			f := p.expect(protocol.OpPing)
			p.pong(f)
			pings++
		}
		p.send(sum.Request, end([]byte("x")))
		for {
			f, ok := p.next()
			if !ok {
				return
			}
			if f.Opcode == protocol.OpPing {
				p.pong(f)
			}
		}
	})
	sum, err := c.Sum(limit(t), "a")
	if err != nil || sum.Size != 1 || sum.ETag != 7 {
		t.Error(sum, err)
	}
	if _, err := c.Stat(limit(t), "a"); !errors.Is(err, ErrTimeout) || !errors.Is(err, ErrNetwork) {
		t.Error(err)
	}
}

// A source may rest for longer than a server waits for a silent client, however
// long this side would wait: it is pinged meanwhile.
func TestPingWhileSourceRests(t *testing.T) {
	for name, timeout := range map[string]time.Duration{"short": time.Minute, "long": time.Hour, "none": -1} {
		t.Run(name, func(t *testing.T) {
			r, w := io.Pipe()
			o := peerOptions{options: Options{Timeout: timeout}, limits: func(l *limits) { l.pingAfter = 10 * time.Millisecond }}
			c := withPeer(t, o, func(p *peer) {
				put := p.expect(protocol.OpPut)
				p.send(put.Request, protocol.Ready{})
				p.expect(protocol.OpData)
				for range 3 {
					f := p.expect(protocol.OpPing)
					p.pong(f)
				}
				_ = w.Close() // never fails
				for f, ok := p.next(); ok; f, ok = p.next() {
					switch f.Opcode {
					case protocol.OpPing:
						p.pong(f)
					case protocol.OpEnd:
						p.send(put.Request, protocol.OK{Count: protocol.BlockSize + 1})
					}
				}
			})
			go func() { _, _ = w.Write(bytesOf(protocol.BlockSize + 1)) }()
			ctx := limit(t)
			defer context.AfterFunc(ctx, func() { _ = w.CloseWithError(ctx.Err()) })() // never fails
			if _, err := c.Put(ctx, "a", r, nil); err != nil {
				t.Error(err)
			}
		})
	}
}

// A server that is dead answers no PING either.
func TestImpatience(t *testing.T) {
	o := peerOptions{options: Options{Timeout: 40 * time.Millisecond}}
	c := withPeer(t, o, (*peer).drain)
	if _, err := c.Sum(limit(t), "a"); !errors.Is(err, ErrTimeout) {
		t.Error(err)
	}
}

// A context that ends cancels on the wire, and the connection goes on.
func TestCancel(t *testing.T) {
	big := bytesOf(100 * protocol.BlockSize)
	for _, test := range []struct {
		name string
		call func(ctx context.Context, cancel func(), c *Client) error
	}{
		{"stat", func(ctx context.Context, cancel func(), c *Client) error {
			_, err := c.Stat(ctx, "slow")
			return err
		}},
		{"get", func(ctx context.Context, cancel func(), c *Client) error {
			_, err := c.Get(ctx, "big", writerFunc(func(b []byte) (int, error) { cancel(); return len(b), nil }), nil)
			return err
		}},
		{"get file", func(ctx context.Context, cancel func(), c *Client) error {
			_, err := c.GetFile(ctx, "big", filepath.Join(t.TempDir(), "f"), &TransferOptions{Progress: moved(func(int64) { cancel() })})
			return err
		}},
		{"put", func(ctx context.Context, cancel func(), c *Client) error {
			_, err := c.Put(ctx, "put", &cancelReader{bytes.NewReader(big), cancel}, nil)
			return err
		}},
		{"list", func(ctx context.Context, cancel func(), c *Client) error {
			var last error
			for _, err := range c.List(ctx, "", ListOptions{}) {
				cancel()
				last = err
			}
			return last
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			cancelled := make(chan struct{})
			ctx, cancel := context.WithCancel(limit(t))
			c := withPeer(t, peerOptions{}, func(p *peer) { cancelPeer(p, big, cancel, cancelled) })
			if err := test.call(ctx, cancel, c); !errors.Is(err, context.Canceled) {
				t.Fatal(err)
			}
			<-cancelled
			if _, err := c.Stat(limit(t), "b"); err != nil {
				t.Errorf("then: %v", err)
			}
			waitFor(t, func() bool { return only(c).open.Load() == 0 })
		})
	}
}

// cancelPeer begins to answer and waits for CANCEL.
func cancelPeer(p *peer, big []byte, cancel func(), cancelled chan struct{}) {
	f, _ := p.next()
	switch f.Opcode {
	case protocol.OpStat:
		cancel()
	case protocol.OpGet:
		p.send(f.Request, metaOfFile(big))
		p.data(f.Request, 0, big[:protocol.BlockSize])
	case protocol.OpPut:
		p.send(f.Request, protocol.Ready{})
	case protocol.OpList:
		p.entries(f.Request, 10)
	}
	for {
		next, ok := p.next()
		if !ok {
			return
		}
		switch next.Opcode {
		case protocol.OpCancel:
			if next.Request != f.Request {
				p.t.Errorf("CANCEL is for %d, not %d", next.Request, f.Request)
			}
			p.fail(f.Request, protocol.Cancelled)
			close(cancelled)
		case protocol.OpStat:
			p.send(next.Request, metaOfFile(nil))
		}
	}
}

type moved func(int64)

func (moved) Expect(int, int64) {}
func (m moved) Moved(n int64)   { m(n) }
func (moved) Done(int)          {}

// cancelReader cancels when it is read from for the second block.
type cancelReader struct {
	*bytes.Reader
	cancel func()
}

func (r *cancelReader) Read(b []byte) (int, error) {
	if r.Size()-int64(r.Len()) > 2*protocol.BlockSize {
		r.cancel()
	}
	return r.Reader.Read(b)
}

// A PUT that fails while it is sent ends with CANCEL, and its slot is free
// only then.
func TestPutFailsEarly(t *testing.T) {
	c := withPeer(t, peerOptions{inFlight: 1}, func(p *peer) {
		put := p.expect(protocol.OpPut)
		p.send(put.Request, protocol.Ready{})
		p.expect(protocol.OpData)
		p.fail(put.Request, protocol.NoSpace)
		for {
			f, ok := p.next()
			if !ok || f.Opcode == protocol.OpStat {
				p.t.Error("no CANCEL came before the next request")
				return
			}
			if f.Opcode == protocol.OpCancel {
				break
			}
		}
		f := p.expect(protocol.OpStat)
		p.send(f.Request, metaOfFile(nil))
		p.drain()
	})
	ctx := limit(t)
	_, err := c.Put(ctx, "a", io.LimitReader(zeros{}, 1<<40), nil)
	if !errors.Is(err, ErrNoSpace) {
		t.Fatal(err)
	}
	if _, err := c.Stat(ctx, "a"); err != nil {
		t.Error(err)
	}
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) { clear(b); return len(b), nil }

// What a reader does wrong is a local failure, and nothing is stored.
func TestPutReaders(t *testing.T) {
	broken := errors.New("broken reader")
	for _, test := range []struct {
		name string
		r    io.Reader
		size int64
		want error
	}{
		{"fails at once", iotest.ErrReader(broken), -1, broken},
		{"fails late", io.MultiReader(io.LimitReader(zeros{}, 3*bs), iotest.ErrReader(broken)), -1, broken},
		{"short of its size", strings.NewReader("abc"), 4, ErrChanged},
		{"beyond its size", strings.NewReader("abc"), 2, ErrChanged},
		{"beyond a block", io.LimitReader(zeros{}, bs+1), bs, ErrChanged},
		{"short of two blocks", io.LimitReader(zeros{}, 2*bs-1), 2 * bs, ErrChanged},
		{"short by a block", io.LimitReader(zeros{}, bs), 2 * bs, ErrChanged},
		{"beyond two blocks", io.LimitReader(zeros{}, 2*bs+1), 2 * bs, ErrChanged},
		{"never anything", iotest.ErrReader(nil), -1, io.ErrNoProgress},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := withPeer(t, peerOptions{}, awaitCancel)
			_, err := c.Put(limit(t), "a", test.r, &PutOptions{Size: test.size})
			var local *LocalError
			if !errors.Is(err, test.want) || !errors.As(err, &local) {
				t.Error(err)
			}
			waitFor(t, func() bool { return only(c).open.Load() == 0 })
		})
	}
}

// Paths that the wire cannot carry are refused before they end the connection.
func TestLongPaths(t *testing.T) {
	c := withPeer(t, peerOptions{}, (*peer).drain)
	long := strings.Repeat("x", 70000)
	ctx := limit(t)
	_, stat := c.Stat(ctx, long)
	_, get := c.Get(ctx, long, io.Discard, nil)
	_, put := c.Put(ctx, long, strings.NewReader(""), nil)
	_, both := c.Put(ctx, "a", strings.NewReader(""), &PutOptions{CreateOnly: true, IfMatch: 1})
	_, negative := c.Get(ctx, "a", io.Discard, &GetOptions{Offset: -1})
	for i, err := range []error{stat, get, put, both, negative, c.Rename(ctx, "a", long, nil), c.Mkdir(ctx, long, 0)} {
		if !errors.Is(err, ErrInvalid) {
			t.Errorf("%d: %v", i, err)
		}
	}
	if only(c).over() {
		t.Error("the connection is over")
	}
}

// A context that ends with the source ends the PUT before its END: what ended
// both may have kept the source from being whole.
func TestPutCancelledAtItsEnd(t *testing.T) {
	for _, size := range []int64{0, 5, bs, bs + 1, 3 * bs} {
		ctx, cancel := context.WithCancel(limit(t))
		c := withPeer(t, peerOptions{}, awaitCancel)
		r := io.MultiReader(io.LimitReader(zeros{}, size), readerFunc(func([]byte) (int, error) { cancel(); return 0, io.EOF }))
		if _, err := c.Put(ctx, "a", r, nil); !errors.Is(err, context.Canceled) {
			t.Errorf("%d bytes: %v", size, err)
		}
		waitFor(t, func() bool { return only(c).open.Load() == 0 })
	}
}

// A reader that fails because the connection has ended is not blamed for it.
func TestPutReaderOfALostConnection(t *testing.T) {
	for _, size := range []int64{5, 2 * bs} {
		hangUp := make(chan struct{})
		c := withPeer(t, peerOptions{}, func(p *peer) {
			if size > bs {
				p.send(p.expect(protocol.OpPut).Request, protocol.Ready{})
				p.expect(protocol.OpData)
			}
			<-hangUp
		})
		r := io.MultiReader(io.LimitReader(zeros{}, size), readerFunc(func([]byte) (int, error) {
			close(hangUp)
			<-only(c).dead
			return 0, io.ErrClosedPipe
		}))
		var local *LocalError
		if _, err := c.Put(limit(t), "a", r, nil); !errors.Is(err, ErrNetwork) || errors.As(err, &local) {
			t.Errorf("%d bytes: %v", size, err)
		}
	}
}

// awaitCancel is a peer that takes PUTs of which none is to come to its END.
func awaitCancel(p *peer) {
	for {
		f, ok := p.next()
		switch {
		case !ok || f.Opcode == protocol.OpBye:
			return
		case f.Opcode == protocol.OpPut:
			p.send(f.Request, protocol.Ready{})
		case f.Opcode == protocol.OpEnd:
			p.t.Error("END came")
		case f.Opcode == protocol.OpCancel:
			p.fail(f.Request, protocol.Cancelled)
		}
	}
}

package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"ftpd/protocol"
)

// host is a server of which each connection has a script of its own; nil is one
// that refuses to be connected to, and so are those behind the last.
type host struct {
	t       *testing.T
	scripts []func(p *peer)
	running sync.WaitGroup

	mu    sync.Mutex
	dials []time.Time
	told  []Retry
}

// dial is Options.Dial.
func (h *host) dial(context.Context, string, string) (net.Conn, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	n := len(h.dials)
	h.dials = append(h.dials, time.Now())
	if n >= len(h.scripts) || h.scripts[n] == nil {
		return nil, syscall.ECONNREFUSED
	}
	ours, theirs := net.Pipe()
	p := &peer{t: h.t, conn: theirs, decoder: protocol.NewDecoder(protocol.Client)}
	p.decoder.Attach(make([]byte, protocol.BlockBuffer))
	h.running.Go(func() {
		defer theirs.Close()
		p.expect(protocol.OpHello)
		p.send(0, protocol.Welcome{InFlight: 100, BlockSize: protocol.BlockSize, Agent: "peer"})
		h.scripts[n](p)
	})
	return ours, nil
}

func (h *host) retry(r Retry) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.told = append(h.told, r)
}

// connect returns a client of the host. It has to be closed in the test's bubble.
func (h *host) connect(retries int) (c *Client, closed func()) {
	h.t.Helper()
	c, err := Dial(h.t.Context(), "host", &Options{Dial: h.dial, Retries: retries, OnRetry: h.retry, Timeout: -1})
	if err != nil {
		h.t.Fatal(err)
	}
	return c, func() {
		_ = c.Close()
		h.running.Wait()
	}
}

// expectAny returns the next frame, which has to come.
func (p *peer) expectAny() protocol.Frame {
	f, ok := p.next()
	if !ok {
		p.t.Error("the client has gone")
	}
	return f
}

// makeDir returns a directory that is there.
func makeDir(t *testing.T, elements ...string) string {
	t.Helper()
	dir := filepath.Join(elements...)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}

// hangUp is a connection that ends with the first request.
func hangUp(p *peer) { p.next() }

// statted answers a STAT, and then ends.
func statted(p *peer) {
	f := p.expect(protocol.OpStat)
	p.send(f.Request, metaOfFile(bytesOf(5)))
	p.next()
}

// A lost connection is dialled again after longer and longer waits, so often and
// no more; a later call begins anew.
func TestRetriesAreUsedUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const retries = 9
		h := &host{t: t, scripts: []func(*peer){hangUp}}
		c, closed := h.connect(retries)
		defer closed()
		var calls sync.WaitGroup
		for range 20 { // all wait for the same
			calls.Go(func() {
				if _, err := c.Stat(t.Context(), "a"); !errors.Is(err, ErrNetwork) || !errors.Is(err, syscall.ECONNREFUSED) {
					t.Error(err)
				}
			})
		}
		calls.Wait()
		if len(h.dials) != 1+retries || len(h.told) != retries {
			t.Fatalf("%d dials, told %d times", len(h.dials), len(h.told))
		}
		for i, r := range h.told {
			mean := min(firstWait<<i, longest)
			if r.Attempt != i+1 || r.Wait < mean/2 || r.Wait > mean*3/2 || h.dials[i+1].Sub(h.dials[i]) != r.Wait {
				t.Errorf("%+v after %v", r, h.dials[i+1].Sub(h.dials[i]))
			}
		}
		if errors.Is(h.told[0].Err, syscall.ECONNREFUSED) || !errors.Is(h.told[1].Err, syscall.ECONNREFUSED) {
			t.Errorf("told of %v, %v", h.told[0].Err, h.told[1].Err)
		}
		h.scripts = append(slices.Repeat([]func(*peer){nil}, len(h.dials)), statted)
		if _, err := c.Stat(t.Context(), "a"); err != nil {
			t.Error(err)
		}
	})
}

// Without retries nothing is dialled again.
func TestNoRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &host{t: t, scripts: []func(*peer){hangUp, statted}}
		c, closed := h.connect(0)
		defer closed()
		for range 2 {
			if _, err := c.Stat(t.Context(), "a"); !errors.Is(err, ErrNetwork) {
				t.Error(err)
			}
		}
		if len(h.dials) != 1 {
			t.Errorf("%d dials", len(h.dials))
		}
	})
}

// Each block that comes begins the count of retries anew, and none comes twice.
func TestProgressRenewsRetries(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		content := bytesOf(20*protocol.BlockSize + 1)
		h := &host{t: t}
		for i := range 21 {
			h.scripts = append(h.scripts, func(p *peer) {
				f := p.expect(protocol.OpGet)
				m := decoded[protocol.Get](p, f)
				if want := uint64(i) * protocol.BlockSize; m.Offset != want || i > 0 && m.ETag != 7 {
					p.t.Errorf("asked for %d of version %x", m.Offset, m.ETag)
				}
				if i == 20 {
					p.file(f.Request, content, m.Offset, func() bool { return false })
					p.next()
					return
				}
				p.send(f.Request, metaOfFile(content))
				p.data(f.Request, m.Offset, content[m.Offset:m.Offset+protocol.BlockSize])
			})
		}
		c, closed := h.connect(1)
		defer closed()
		var got bytes.Buffer
		if result, err := c.Get(t.Context(), "f", &got, nil); err != nil || result.Digest != treeOf(content) {
			t.Errorf("%+v, %v", result, err)
		}
		if !bytes.Equal(got.Bytes(), content) || len(h.dials) != 21 {
			t.Errorf("%d bytes over %d connections", got.Len(), len(h.dials))
		}
	})
}

// A call whose context ends, and a client that is closed, do not wait for the
// next attempt.
func TestWaitIsCalledOff(t *testing.T) {
	for name, end := range map[string]func(cancel func(), c *Client){
		"context": func(cancel func(), c *Client) { cancel() },
		"close":   func(cancel func(), c *Client) { _ = c.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := &host{t: t, scripts: []func(*peer){hangUp}}
				c, closed := h.connect(5)
				defer closed()
				ctx, cancel := context.WithCancel(t.Context())
				failed := make(chan error)
				go func() {
					_, err := c.Stat(ctx, "a")
					failed <- err
				}()
				synctest.Wait() // until it waits for the time to come
				begun := time.Now()
				end(cancel, c)
				err := <-failed
				cancel()
				if !errors.Is(err, context.Canceled) && !errors.Is(err, ErrClosed) || time.Since(begun) > 0 {
					t.Errorf("%v, after %v", err, time.Since(begun))
				}
				if len(h.dials) != 1 {
					t.Errorf("%d dials", len(h.dials))
				}
			})
		})
	}
}

// What a server says that ends is not for the request but for the connection.
func TestTurnedAway(t *testing.T) {
	for name, away := range map[string]func(p *peer){
		"goaway": func(p *peer) {
			f := p.expect(protocol.OpStat)
			p.send(0, protocol.Goaway{Code: protocol.ShuttingDown, Message: "bye"})
			p.send(f.Request, protocol.Error{Code: protocol.ShuttingDown, Retry: true})
			p.drain()
		},
		"last words": func(p *peer) {
			p.expect(protocol.OpStat)
			p.send(0, protocol.Error{Code: protocol.Busy, Retry: true})
		},
		"busy": func(p *peer) {
			f := p.expect(protocol.OpStat)
			p.send(f.Request, protocol.Error{Code: protocol.Busy, Retry: true})
			statted(p)
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				h := &host{t: t, scripts: []func(*peer){away, statted}}
				c, closed := h.connect(1)
				defer closed()
				if info, err := c.Stat(t.Context(), "a"); err != nil || info.Size != 5 {
					t.Error(info, err)
				}
			})
		})
	}
}

// A connection that a fault of the server's ended is not dialled again, nor is a
// server that was never reached.
func TestNoRetryOf(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &host{t: t, scripts: []func(*peer){func(p *peer) {
			f := p.expect(protocol.OpStat)
			p.send(f.Request, protocol.OK{})
		}}}
		c, closed := h.connect(5)
		defer closed()
		if _, err := c.Stat(t.Context(), "a"); !errors.Is(err, ErrProtocol) || len(h.dials) != 1 {
			t.Errorf("%v after %d dials", err, len(h.dials))
		}
		h = &host{t: t}
		if _, err := Dial(t.Context(), "host", &Options{Dial: h.dial, Retries: 5}); !errors.Is(err, ErrNetwork) || len(h.dials) != 1 {
			t.Errorf("%v after %d dials", err, len(h.dials))
		}
	})
}

// A change of which the answer is lost is not made twice, and not said to have
// failed or succeeded; one that was refused is.
func TestUnknownOutcome(t *testing.T) {
	for name, change := range map[string]func(c *Client) error{
		"mkdir":  func(c *Client) error { return c.Mkdir(context.Background(), "a", 0) },
		"remove": func(c *Client) error { return c.Remove(context.Background(), "a") },
		"remove all": func(c *Client) error {
			_, err := c.RemoveAll(context.Background(), "a")
			return err
		},
		"rename": func(c *Client) error { return c.Rename(context.Background(), "a", "b", nil) },
		"create": func(c *Client) error {
			_, err := c.Put(context.Background(), "a", bytes.NewReader(bytesOf(5)), &PutOptions{CreateOnly: true})
			return err
		},
		"replace": func(c *Client) error {
			_, err := c.Put(context.Background(), "a", bytes.NewReader(bytesOf(5)), &PutOptions{IfMatch: 7})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				whole := func(p *peer) protocol.Frame {
					first := p.expectAny()
					for f := first; f.Opcode == protocol.OpPut || f.Opcode == protocol.OpData; {
						f = p.expectAny()
					}
					return first
				}
				refuse := func(p *peer) {
					p.send(whole(p).Request, protocol.Error{Code: protocol.Busy, Retry: true})
					whole(p)
				}
				h := &host{t: t, scripts: []func(*peer){refuse, statted}}
				c, closed := h.connect(3)
				defer closed()
				unknown := new(UnknownError)
				if err := change(c); !errors.As(err, &unknown) || !errors.Is(err, ErrNetwork) {
					t.Error(err)
				}
				if _, err := c.Stat(t.Context(), "a"); err != nil || len(h.dials) != 2 {
					t.Errorf("%v after %d dials", err, len(h.dials))
				}
			})
		})
	}
}

// A listing that is begun again yields each entry once.
func TestListAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		entry := func(i int, code protocol.Code) protocol.Entry {
			return protocol.Entry{Code: code, Path: fmt.Sprint(i), Meta: metaOfFile(nil)}
		}
		h := &host{t: t, scripts: []func(*peer){
			func(p *peer) {
				f := p.expect(protocol.OpList)
				p.send(f.Request, protocol.Entries{List: []protocol.Entry{entry(1, 0), entry(2, 0), entry(3, 0)}})
			},
			func(p *peer) {
				f := p.expect(protocol.OpList)
				p.send(f.Request, protocol.Entries{List: []protocol.Entry{entry(4, 0), entry(3, 0), entry(3, protocol.IO), entry(1, 0)}})
				p.send(f.Request, protocol.OK{Count: 4})
				p.next()
			},
		}}
		c, closed := h.connect(1)
		defer closed()
		var got []string
		for e, err := range c.List(t.Context(), "", ListOptions{}) {
			got = append(got, fmt.Sprintf("%s%t %v", e.Path, e.Err != nil, err))
		}
		if want := []string{"1false <nil>", "2false <nil>", "3false <nil>", "4false <nil>", "3true <nil>"}; !slices.Equal(got, want) {
			t.Errorf("%q", got)
		}
	})
}

// A listing of more entries than are remembered is not begun again: what comes twice
// would be yielded twice.
func TestListTooLongToBeginAgain(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		h := &host{t: t, scripts: []func(*peer){
			func(p *peer) {
				f := p.expect(protocol.OpList)
				var m protocol.Entries
				for i := range 50 {
					m.List = append(m.List, protocol.Entry{Path: fmt.Sprint(i), Meta: metaOfFile(nil)})
				}
				p.send(f.Request, m)
			},
			func(p *peer) { p.drain() },
		}}
		c, closed := h.connect(1)
		defer closed()
		c.limits.listSeen = 20
		n, last := 0, error(nil)
		for _, err := range c.List(t.Context(), "", ListOptions{}) {
			if last = err; err == nil {
				n++
			}
		}
		if !errors.Is(last, ErrNetwork) || n != 50 {
			t.Errorf("%v after %d entries", last, n)
		}
	})
}

// What cannot be read again is put again only as long as it was not sent.
func TestPutOfStream(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		stored := func(p *peer) {
			f := p.expect(protocol.OpPut)
			p.send(f.Request, protocol.Ready{})
			for f, _ = p.next(); f.Opcode == protocol.OpData; f, _ = p.next() {
			}
			p.send(f.Request, protocol.OK{Count: 2*protocol.BlockSize + 1})
			p.next()
		}
		content := bytesOf(2*protocol.BlockSize + 1)
		h := &host{t: t, scripts: []func(*peer){hangUp, stored}}
		c, closed := h.connect(1)
		defer closed()
		if result, err := c.Put(t.Context(), "f", io.MultiReader(bytes.NewReader(content)), nil); err != nil || result.Digest != treeOf(content) {
			t.Errorf("%+v, %v", result, err)
		}
		h = &host{t: t, scripts: []func(*peer){func(p *peer) {
			f := p.expect(protocol.OpPut)
			p.send(f.Request, protocol.Ready{})
			p.expect(protocol.OpData)
		}, stored}}
		again, closedToo := h.connect(1)
		defer closedToo()
		r, w := io.Pipe()
		go func() { _, _ = w.Write(content[:protocol.BlockSize+1]) }() // and no more: it rests
		o := &PutOptions{Lost: func() { _ = r.CloseWithError(io.ErrClosedPipe) }}
		if _, err := again.Put(t.Context(), "f", r, o); !errors.Is(err, ErrNetwork) || len(h.dials) != 1 {
			t.Errorf("%v after %d dials", err, len(h.dials))
		}
	})
}

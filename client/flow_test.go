package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
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

// The body of a loop over a listing may use the client, however far the
// listing is ahead.
func TestListBodyUsesClient(t *testing.T) {
	const n = 50_000
	c := withPeer(t, peerOptions{}, func(p *peer) {
		list := p.expect(protocol.OpList)
		p.entries(list.Request, n)
		p.send(list.Request, protocol.OK{Count: n})
		for {
			f, ok := p.next()
			if !ok || f.Opcode == protocol.OpBye {
				return
			}
			p.send(f.Request, metaOfFile(nil))
		}
	})
	ctx := limit(t)
	seen := 0
	for e, err := range c.List(ctx, "", ListOptions{Recursive: true}) {
		if err != nil {
			t.Fatal(err)
		}
		if seen%5000 == 0 {
			if _, err := c.Stat(ctx, e.Path); err != nil {
				t.Fatal(err)
			}
		}
		seen++
	}
	if seen != n {
		t.Errorf("%d entries came, not %d", seen, n)
	}
}

// A listing without end that nobody reads while others wait is not kept beyond
// its limit, and ends with an error.
func TestOvergrownListing(t *testing.T) {
	o := peerOptions{limits: func(l *limits) { l.listAhead, l.listMost = 64<<10, 1<<20 }}
	c := withPeer(t, o, func(p *peer) {
		list := p.expect(protocol.OpList)
		p.entries(list.Request, 1000)
		stat := p.expect(protocol.OpStat)
		cancelled := make(chan struct{})
		go func() {
			p.expect(protocol.OpCancel)
			close(cancelled)
			p.drain()
		}()
		for {
			select {
			case <-cancelled:
				p.fail(list.Request, protocol.Cancelled)
				p.send(stat.Request, metaOfFile(nil))
				return
			default:
				p.entries(list.Request, 1000)
			}
		}
	})
	ctx := limit(t)
	var last error
	seen := 0
	for _, err := range c.List(ctx, "", ListOptions{}) {
		if last = err; err == nil && seen == 0 {
			if _, err := c.Stat(ctx, "a"); err != nil {
				t.Fatal(err)
			}
		}
		seen++
	}
	if !errors.Is(last, ErrTooLarge) || seen < 1000 {
		t.Errorf("%v after %d entries", last, seen)
	}
}

// A GET whose writer is slow does not hold up others: it is set aside, goes on
// where it was, and brings the same bytes.
func TestSlowWriter(t *testing.T) {
	content := bytesOf(40*protocol.BlockSize + 9)
	var gets []protocol.Get
	o := peerOptions{limits: func(l *limits) { l.getAhead, l.patience = 3*protocol.BlockBuffer, time.Millisecond }}
	c := withPeer(t, o, func(p *peer) {
		h := &slowPeer{peer: p, content: content}
		h.serve()
		gets = h.gets
	})
	ctx := limit(t)
	var got bytes.Buffer
	calls := 0
	result, err := c.Get(ctx, "a", writerFunc(func(b []byte) (int, error) {
		if calls++; calls == 1 || calls == 20 {
			if _, err := c.Stat(ctx, "b"); err != nil {
				t.Error(err)
			}
		}
		return got.Write(b)
	}), nil)
	if err != nil || !bytes.Equal(got.Bytes(), content) || result.Digest != treeOf(content) || result.Size != int64(len(content)) {
		t.Fatalf("%d bytes, %v", got.Len(), err)
	}
	_ = c.Close()
	waitFor(t, func() bool { return len(gets) > 0 })
	if len(gets) < 3 {
		t.Fatalf("there were %d GETs, and not 3: nothing was set aside", len(gets))
	}
	for i, m := range gets[1:] {
		if m.Offset <= gets[i].Offset || m.Flags&protocol.GetIfMatch == 0 || m.ETag != 7 {
			t.Errorf("the GET that goes on is %+v", m)
		}
	}
}

// slowPeer answers GETs as far as the client takes them, obeys CANCEL, and
// answers every STAT behind the next CANCEL.
type slowPeer struct {
	*peer
	content   []byte
	gets      []protocol.Get
	mu        sync.Mutex
	cancelled map[uint32]bool
	stats     []uint32
	running   sync.WaitGroup
}

func (s *slowPeer) serve() {
	s.cancelled = map[uint32]bool{}
	defer s.running.Wait()
	for {
		f, ok := s.next()
		switch {
		case !ok || f.Opcode == protocol.OpBye:
			return
		case f.Opcode == protocol.OpGet:
			m := decoded[protocol.Get](s.peer, f)
			s.gets = append(s.gets, m)
			s.running.Go(func() { s.get(f.Request, m.Offset) })
		case f.Opcode == protocol.OpCancel:
			s.mu.Lock()
			s.cancelled[f.Request] = true
			s.mu.Unlock()
			for _, id := range s.stats {
				s.running.Go(func() { s.send(id, metaOfFile(nil)) })
			}
			s.stats = nil
		case f.Opcode == protocol.OpStat:
			s.stats = append(s.stats, f.Request)
		}
	}
}

func (s *slowPeer) get(id uint32, offset uint64) {
	s.send(id, metaOfFile(s.content))
	var tree protocol.Tree
	for size := uint64(len(s.content)); offset < size; {
		s.mu.Lock()
		cancelled := s.cancelled[id]
		s.mu.Unlock()
		if cancelled {
			s.fail(id, protocol.Cancelled)
			return
		}
		end := protocol.BlockEnd(offset, size)
		s.data(id, offset, s.content[offset:end])
		tree.Add(protocol.BlockDigest(s.content[offset:end]), int(end-offset))
		offset = end
	}
	s.send(id, protocol.End{Size: tree.Size(), ETag: 7, Algorithm: protocol.XXH3Tree, Digest: tree.Sum()})
}

// A set-aside GET of a file that has changed since is ErrChanged.
func TestSlowWriterChanged(t *testing.T) {
	content := bytesOf(40 * protocol.BlockSize)
	o := peerOptions{limits: func(l *limits) {
		l.getAhead, l.patience = 3*protocol.BlockBuffer, time.Millisecond
		l.closeWait = 10 * time.Millisecond // the script answers no CANCEL at the end
	}}
	c := withPeer(t, o, func(p *peer) {
		h := &slowPeer{peer: p, content: content, cancelled: map[uint32]bool{}}
		get := p.expect(protocol.OpGet)
		go h.get(get.Request, 0)
		stat := p.expect(protocol.OpStat)
		p.expect(protocol.OpCancel)
		h.mu.Lock()
		h.cancelled[get.Request] = true
		h.mu.Unlock()
		p.send(stat.Request, metaOfFile(nil))
		again := p.expect(protocol.OpGet)
		m := metaOfFile(content)
		m.ETag++
		p.send(again.Request, m)
		p.drain()
	})
	ctx := limit(t)
	once := false
	_, err := c.Get(ctx, "a", writerFunc(func(b []byte) (int, error) {
		if !once {
			once = true
			_, err := c.Stat(ctx, "b")
			return len(b), err
		}
		return len(b), nil
	}), nil)
	if !errors.Is(err, ErrChanged) {
		t.Error(err)
	}
}

// A file can be piped from a server to itself on one connection.
func TestPipe(t *testing.T) {
	content := bytesOf(30*protocol.BlockSize + 1)
	var server *honest
	started := make(chan struct{})
	o := peerOptions{limits: func(l *limits) { l.getAhead = 2 * protocol.BlockBuffer }}
	c := withPeer(t, o, func(p *peer) {
		server = newHonest(p, map[string][]byte{"a": content})
		close(started)
		server.serve()
	})
	<-started
	ctx := limit(t)
	r, w := io.Pipe()
	go func() {
		_, err := c.Get(ctx, "a", w, nil)
		w.CloseWithError(err)
	}()
	if _, err := c.Put(ctx, "b", r, nil); err != nil {
		t.Fatal(err)
	}
	if got, _ := server.content("b"); !bytes.Equal(got, content) {
		t.Errorf("%d bytes came, not %d", len(got), len(content))
	}
}

// With one request in flight a tree still comes: its listing does not wait for
// its files.
func TestTreeOneInFlight(t *testing.T) {
	files := map[string][]byte{}
	for i := range 300 {
		files[fmt.Sprintf("file-%03d", i)] = bytesOf(i)
	}
	o := peerOptions{inFlight: 1, limits: func(l *limits) { l.listAhead = 1000 }}
	c := withPeer(t, o, func(p *peer) { newHonest(p, files).serve() })
	local := filepath.Join(t.TempDir(), "copy")
	summary, err := c.GetTree(limit(t), ".", local, nil)
	if err != nil || summary.Files != 300 {
		t.Fatal(summary, err)
	}
	for name, content := range files {
		if got, err := os.ReadFile(filepath.Join(local, name)); err != nil || !bytes.Equal(got, content) {
			t.Errorf("%s: %d bytes, %v", name, len(got), err)
		}
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
		<-c.conn.dead // the peer hangs up: the reason stays
	}
}

// Close sends BYE, lets what is in flight finish and refuses what comes later.
func TestClose(t *testing.T) {
	closing := make(chan struct{})
	c := withPeer(t, peerOptions{}, func(p *peer) {
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
			p.send(f.Request, protocol.Pong{Content: f.Payload})
			pings++
		}
		p.send(sum.Request, end([]byte("x")))
		p.drain()
	})
	sum, err := c.Sum(limit(t), "a")
	if err != nil || sum.Size != 1 || sum.ETag != 7 {
		t.Error(sum, err)
	}
	if _, err := c.Stat(limit(t), "a"); !errors.Is(err, ErrTimeout) || !errors.Is(err, ErrNetwork) {
		t.Error(err)
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
			waitFor(t, func() bool { return c.conn.open.Load() == 0 })
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
			c := withPeer(t, peerOptions{}, func(p *peer) {
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
			})
			_, err := c.Put(limit(t), "a", test.r, &PutOptions{Size: test.size})
			var local *LocalError
			if !errors.Is(err, test.want) || !errors.As(err, &local) {
				t.Error(err)
			}
			waitFor(t, func() bool { return c.conn.open.Load() == 0 })
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
	if c.conn.over() {
		t.Error("the connection is over")
	}
}

package client

import (
	"context"
	"errors"
	"net"
	"os"
	"path/filepath"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"ftpd/protocol"
)

// dialled keeps the connections that were made, in order. Once a number is set, none
// writes more than two pieces before so many have each written one.
type dialled struct {
	mu    sync.Mutex
	conns []*countedConn
	busy  int // those of them that have written a piece
	want  int
	all   chan struct{} // closed once busy is want
}

type countedConn struct {
	net.Conn
	of    *dialled
	wrote int
}

func (d *dialled) dial(ctx context.Context, network, address string) (net.Conn, error) {
	c, err := new(net.Dialer).DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	counted := &countedConn{Conn: c, of: d}
	d.conns = append(d.conns, counted)
	return counted, nil
}

func (d *dialled) len() int {
	d.mu.Lock()
	defer d.mu.Unlock()
	return len(d.conns)
}

// close closes one of the connections.
func (d *dialled) close(i int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	_ = d.conns[i].Close()
}

// share begins to count.
func (d *dialled) share(want int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.want, d.all = want, make(chan struct{})
}

func (c *countedConn) Write(b []byte) (int, error) {
	c.of.mu.Lock()
	was, want, all := c.wrote, c.of.want, c.of.all
	if want > 0 {
		c.wrote += len(b)
	}
	if was < pieceSize && c.wrote >= pieceSize {
		if c.of.busy++; c.of.busy == want {
			close(all)
		}
	}
	c.of.mu.Unlock()
	if want > 0 && was > 2*pieceSize {
		select {
		case <-all:
		case <-time.After(20 * time.Second):
			return 0, errors.New("the other connections have nothing to do")
		}
	}
	return c.Conn.Write(b)
}

// A large file goes over as many connections as there may be, and a small one needs no
// other.
func TestSpreadPut(t *testing.T) {
	for _, test := range []struct{ size, connections, dials int }{
		{0, 4, 1}, {bs, 4, 1}, {pieceSize, 4, 1}, {30*pieceSize + 1, 2, 2}, {250*bs + 7, 4, 4}, {100 * bs, 1, 1},
	} {
		content := noise(test.size)
		d := serve(t)
		local := filepath.Join(t.TempDir(), "f")
		writeFile(t, local, content)
		var dials dialled
		c := connect(t, d.address, &Options{Connections: test.connections, Dial: dials.dial})
		came := 0
		waits := moved(func(n int64) { // with the first piece others are dialled
			if came += int(n); test.dials > 1 {
				waitFor(t, func() bool { return dials.len() == test.dials })
			}
		})
		if _, err := c.PutFile(limit(t), local, "f", &TransferOptions{Progress: waits}); err != nil {
			t.Error(err)
		}
		if test.dials > 1 {
			dials.share(test.dials)
		}
		var progress counter
		result, err := c.PutFile(limit(t), local, "f", &TransferOptions{Progress: &progress})
		if err != nil || result.Digest != treeOf(content) || result.Size != int64(test.size) || result.ETag == 0 {
			t.Errorf("%+v: %+v, %v", test, result, err)
		}
		if want := (counter{1, int64(test.size), int64(test.size), 1}); progress != want {
			t.Errorf("%+v: the progress is %+v", test, progress)
		}
		if n := dials.len(); n != test.dials || came != test.size {
			t.Errorf("%+v: %d dials, %d bytes", test, n, came)
		}
		wantContent(t, filepath.Join(d.root, "f"), content)
	}
}

// Whichever connection is lost on the way, all comes, and is told of once: one beside
// the first costs no retry.
func TestSpreadPutLosesOne(t *testing.T) {
	content := noise(200*bs + 7)
	for _, test := range []struct{ lost, retries int }{{0, 3}, {1, 0}, {2, 3}} {
		d := serve(t)
		local := filepath.Join(t.TempDir(), "f")
		writeFile(t, local, content)
		var dials dialled
		c := connect(t, d.address, &Options{Connections: 3, Retries: test.retries, Dial: dials.dial})
		came := 0
		result, err := c.PutFile(limit(t), local, "f", &TransferOptions{Progress: moved(func(n int64) {
			if was := came; was < 40*bs && was+int(n) >= 40*bs {
				waitFor(t, func() bool { return dials.len() == 3 })
				dials.close(test.lost)
			}
			came += int(n)
		})})
		if err != nil || result.Digest != treeOf(content) || result.Resumed != 0 || came != len(content) {
			t.Errorf("%+v: %+v, %v, %d bytes were told of", test, result, err, came)
		}
		wantContent(t, filepath.Join(d.root, "f"), content)
	}
}

// What was sent over several connections is gone on with over one, and the reverse,
// also after the server was killed.
func TestSpreadPutResumes(t *testing.T) {
	content := noise(200*bs + 7)
	const most = (sentAhead*3+1)*pieceSize + 3*window // sent and not kept
	for _, connections := range [][2]int{{3, 1}, {1, 3}, {3, 3}} {
		d, r, local := localFileOf(t, content)
		r.CutAfter(150*bs, func() {
			_ = d.process.Kill() // it is waited for at the end
		})
		resumable := new(ResumableError)
		_, err := connect(t, r.Address(), &Options{Connections: connections[0]}).PutFile(limit(t), local, "f", nil)
		if !errors.As(err, &resumable) {
			t.Fatal(err)
		}
		r.SetTarget(serveDir(t, d.root).address)
		r.CutAfter(0, nil)
		var progress counter
		result, err := connect(t, r.Address(), &Options{Connections: connections[1]}).PutFile(limit(t), local, "f", &TransferOptions{Progress: &progress})
		if err != nil || result.Resumed < 150*bs-most || result.Size != int64(len(content)) {
			t.Errorf("%v: %+v, %v", connections, result, err)
		}
		if rest := int64(len(content)) - result.Resumed; progress != (counter{1, rest, rest, 1}) {
			t.Errorf("%v: the progress is %+v of %d", connections, progress, rest)
		}
		wantContent(t, filepath.Join(d.root, "f"), content)
	}
}

// Where all connections are cut again and again, and the server is another one each
// time, the put goes on.
func TestSpreadPutIsCut(t *testing.T) {
	content := noise(200*bs + 7)
	d, r, local := localFileOf(t, content)
	var cuts atomic.Int32
	var cut func()
	cut = func() {
		if cuts.Add(1) < 3 {
			go r.CutAfter(60*bs, cut)
			return
		}
		_ = d.process.Kill() // it is waited for at the end
		r.SetTarget(serveDir(t, d.root).address)
		go r.CutAfter(0, nil)
	}
	r.CutAfter(60*bs, cut)
	c := connect(t, r.Address(), &Options{Connections: 3, Retries: 5})
	result, err := c.PutFile(limit(t), local, "f", nil)
	if err != nil || result.Digest != treeOf(content) || cuts.Load() != 3 {
		t.Errorf("%+v, %v, after %d cuts", result, err, cuts.Load())
	}
	wantContent(t, filepath.Join(d.root, "f"), content)
}

// A server that keeps no part, or has no room for another connection, gets the file
// nevertheless.
func TestSpreadPutWithout(t *testing.T) {
	content := noise(60*bs + 7)
	for _, flags := range [][]string{{"--max-clients", "1"}, {"--keep-resumable", "0"}} {
		d := serve(t, flags...)
		local := filepath.Join(t.TempDir(), "f")
		writeFile(t, local, content)
		c := connect(t, d.address, &Options{Connections: 3})
		if result, err := c.PutFile(limit(t), local, "f", nil); err != nil || result.Digest != treeOf(content) {
			t.Errorf("%v: %+v, %v", flags, result, err)
		}
		wantContent(t, filepath.Join(d.root, "f"), content)
	}
}

// A file that changes while pieces of it are sent is no mixture on the server.
func TestSpreadPutChanges(t *testing.T) {
	shorter := func(local string) error { return os.Truncate(local, 99*bs) }
	rewritten := func(local string) error { return os.Chtimes(local, time.Unix(1, 0), time.Unix(1, 0)) }
	for _, change := range []func(string) error{shorter, rewritten} {
		putChanging(t, change)
	}
}

// putChanging puts a file that is changed once something of it is stored.
func putChanging(t *testing.T, change func(local string) error) {
	t.Helper()
	d := serve(t)
	local := filepath.Join(t.TempDir(), "f")
	writeFile(t, local, noise(100*bs))
	c := connect(t, d.address, &Options{Connections: 2})
	var once atomic.Bool
	_, err := c.PutFile(limit(t), local, "f", &TransferOptions{Progress: moved(func(int64) {
		if once.CompareAndSwap(false, true) {
			if err := change(local); err != nil {
				t.Error(err)
			}
		}
	})})
	if !errors.Is(err, ErrChanged) {
		t.Error(err)
	}
	if _, err := os.Lstat(filepath.Join(d.root, "f")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the server has it: %v", err)
	}
}

// What a server must not answer to a piece is an error, and no worse.
func TestSpreadPutHostile(t *testing.T) {
	local := filepath.Join(t.TempDir(), "f")
	writeFile(t, local, noise(pieceSize+1))
	failed := func(code protocol.Code) func(p *peer, id uint32) {
		return func(p *peer, id uint32) { p.send(id, protocol.Error{Code: code, Message: "so"}) }
	}
	for name, test := range map[string]struct {
		answer func(p *peer, id uint32)
		want   error
	}{
		"no space":          {failed(protocol.NoSpace), ErrNoSpace},
		"no such put":       {failed(protocol.NotFound), ErrNotFound},
		"damaged for ever":  {failed(protocol.Integrity), ErrIntegrity},
		"shutting down":     {failed(protocol.ShuttingDown), ErrShuttingDown},
		"fewer bytes":       {func(p *peer, id uint32) { p.send(id, protocol.OK{Count: 1}) }, ErrProtocol},
		"READY for a piece": {func(p *peer, id uint32) { p.send(id, protocol.Ready{}) }, ErrProtocol},
		"READY once more":   {func(p *peer, _ uint32) { p.send(1, protocol.Ready{}) }, ErrProtocol},
		"no more":           {func(p *peer, _ uint32) { _ = p.conn.Close() }, ErrNetwork},
	} {
		t.Run(name, func(t *testing.T) {
			c := withPeer(t, peerOptions{options: Options{Connections: 2}}, func(p *peer) {
				put := p.expect(protocol.OpPut)
				p.send(put.Request, protocol.Ready{Flags: protocol.ReadySpread})
				for {
					f, ok := p.next()
					switch {
					case !ok || f.Opcode == protocol.OpBye:
						return
					case f.Opcode == protocol.OpEnd:
						test.answer(p, f.Request)
					case f.Opcode == protocol.OpCancel:
						p.send(f.Request, protocol.Error{Code: protocol.Cancelled, Message: "so"})
					}
				}
			})
			c.lines[1].barred.Store(true)
			if _, err := c.PutFile(limit(t), local, "f", nil); !errors.Is(err, test.want) {
				t.Errorf("%v", err)
			}
		})
	}
}

// READY that wants pieces which were not offered is refused.
func TestSpreadPutUnasked(t *testing.T) {
	local := filepath.Join(t.TempDir(), "f")
	writeFile(t, local, noise(pieceSize+1))
	c := withPeer(t, peerOptions{}, func(p *peer) {
		put := p.expect(protocol.OpPut)
		p.send(put.Request, protocol.Ready{Flags: protocol.ReadySpread})
		p.expect(protocol.OpCancel)
		p.send(put.Request, protocol.Error{Code: protocol.Cancelled, Message: "so"})
		p.expect(protocol.OpBye)
	})
	if _, err := c.PutFile(limit(t), local, "f", nil); !errors.Is(err, ErrProtocol) {
		t.Error(err)
	}
}

// No piece is begun far behind one that is not stored, and one that is lost comes first.
func TestSpreadPutWindow(t *testing.T) {
	s := &spreadPut{size: 100 * pieceSize, window: 3 * pieceSize, stored: map[int64]*joinPiece{}, changed: make(chan struct{}, 1)}
	s.some.L = &s.mu
	take := func(want int64) *joinPiece {
		t.Helper()
		p := s.take(false)
		if want < 0 && p != nil || want >= 0 && (p == nil || p.from != want*pieceSize) {
			t.Fatalf("the next piece is %+v, want number %d", p, want)
		}
		return p
	}
	first, second, third := take(0), take(1), take(2)
	take(-1)
	s.done(second)
	take(-1)
	s.back(first, nil)
	s.done(take(0))
	take(3)
	take(4)
	take(-1)
	s.done(third)
	take(5)
	take(-1)
}

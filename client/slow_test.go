package client

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"ftpd/protocol"
)

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
	gets := make(chan []protocol.Get, 1)
	o := peerOptions{limits: func(l *limits) { l.getAhead, l.patience = 3*protocol.BlockBuffer, time.Millisecond }}
	c := withPeer(t, o, func(p *peer) {
		h := newHonest(p, map[string][]byte{"a": content, "b": nil})
		h.behindCancel = true
		h.serve()
		gets <- h.gets
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
	sent := <-gets
	if len(sent) < 3 {
		t.Fatalf("there were %d GETs, and not 3: nothing was set aside", len(sent))
	}
	for i, m := range sent[1:] {
		if m.Offset <= sent[i].Offset || m.Flags&protocol.GetIfMatch == 0 || m.ETag != 7 {
			t.Errorf("the GET that goes on is %+v", m)
		}
	}
}

// A set-aside GET of a file that has changed since is ErrChanged.
func TestSlowWriterChanged(t *testing.T) {
	content := bytesOf(40 * protocol.BlockSize)
	o := peerOptions{limits: func(l *limits) {
		l.getAhead, l.patience = 3*protocol.BlockBuffer, time.Millisecond
		l.closeWait = 10 * time.Millisecond // the script answers no CANCEL at the end
	}}
	c := withPeer(t, o, func(p *peer) {
		get := p.expect(protocol.OpGet)
		var cancelled atomic.Bool
		go p.file(get.Request, content, 0, cancelled.Load)
		stat := p.expect(protocol.OpStat)
		p.expect(protocol.OpCancel)
		cancelled.Store(true)
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

// A file can be piped from a server to itself on one connection: the GET gives
// way to the PUT that it waits for.
func TestPipe(t *testing.T) {
	content := bytesOf(30*protocol.BlockSize + 1)
	var server *honest
	started := make(chan struct{})
	o := peerOptions{limits: func(l *limits) { l.getAhead, l.patience = 2*protocol.BlockBuffer, time.Millisecond }}
	c := withPeer(t, o, func(p *peer) {
		server = newHonest(p, map[string][]byte{"a": content})
		server.behindCancel = true
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

// The same with a real server: a writer, a reader and the body of a loop that
// use the client they serve.
func TestSlowCallers(t *testing.T) {
	d := serve(t)
	makeTree(t, d.root, 3000, 1, 3000)
	content := noise(40*bs + 5)
	if err := os.WriteFile(filepath.Join(d.root, "a"), content, 0o600); err != nil {
		t.Fatal(err)
	}
	c := connect(t, d.address, nil)
	only(c).limits.listAhead = 1 << 10 // nothing is in flight yet
	only(c).limits.patience = 5 * time.Millisecond
	ctx := limit(t)
	r, w := io.Pipe()
	go func() {
		_, err := c.Get(ctx, "a", w, nil)
		w.CloseWithError(err)
	}()
	if _, err := c.Put(ctx, "b", r, nil); err != nil {
		t.Fatal(err)
	}
	var back bytes.Buffer
	if _, err := c.Get(ctx, "b", writerFunc(func(b []byte) (int, error) {
		if _, err := c.Sum(ctx, "b"); err != nil {
			t.Error(err)
		}
		return back.Write(b)
	}), nil); err != nil || !bytes.Equal(back.Bytes(), content) {
		t.Errorf("%d bytes came back, %v", back.Len(), err)
	}
	seen := 0
	for e, err := range c.List(ctx, ".", ListOptions{Recursive: true}) {
		if err != nil {
			t.Fatal(err)
		}
		if seen++; seen%100 == 1 {
			if _, err := c.Stat(ctx, e.Path); err != nil {
				t.Fatal(err)
			}
		}
	}
	if seen != 3003 {
		t.Errorf("%d entries came", seen)
	}
}

package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"ftpd/protocol"
)

// moody is a server of many small files with the same content that is odd at first:
// the first request for each file it answers as odd says, and any other one well.
type moody struct {
	*peer
	names   []string
	content []byte
	odd     func(m *moody, request uint32)
	tries   map[string]int
	put     map[uint32]protocol.Put
	over    map[uint32]bool // had their last reply, though they are odd
}

func (m *moody) serve() {
	m.tries, m.put, m.over = map[string]int{}, map[uint32]protocol.Put{}, map[uint32]bool{}
	for {
		f, ok := m.next()
		if !ok {
			return
		}
		switch f.Opcode {
		case protocol.OpStat:
			m.send(f.Request, protocol.Meta{Kind: protocol.Directory, Mode: 0o755})
		case protocol.OpMkdir:
			m.send(f.Request, protocol.OK{Count: 1})
		case protocol.OpList:
			for _, name := range m.names {
				m.send(f.Request, protocol.Entries{List: []protocol.Entry{{Path: name, Meta: metaOfFile(m.content)}}})
			}
			m.send(f.Request, protocol.OK{Count: uint64(len(m.names))})
		case protocol.OpGet:
			m.mood(f, decoded[protocol.Get](m.peer, f).Path, func() {
				m.file(f.Request, m.content, 0, func() bool { return false })
			})
		case protocol.OpPut:
			m.put[f.Request] = decoded[protocol.Put](m.peer, f)
		case protocol.OpEnd:
			m.mood(f, m.put[f.Request].Path, func() {
				m.send(f.Request, protocol.OK{Count: uint64(len(m.content)), ETag: 7})
			})
		case protocol.OpCancel:
			if !m.over[f.Request] {
				m.peer.fail(f.Request, protocol.Cancelled)
			}
		}
	}
}

func (m *moody) mood(f protocol.Frame, path string, well func()) {
	if m.tries[path]++; m.tries[path] == 1 {
		m.odd(m, f.Request)
	} else {
		well()
	}
}

// sendFile is an answer to a GET of which any part may be wrong.
func (m *moody) sendFile(request uint32, meta protocol.Meta, data protocol.Data, end protocol.End) {
	m.send(request, meta)
	m.send(request, data)
	m.send(request, end)
}

// parts are those of a lawful answer.
func (m *moody) parts() (protocol.Meta, protocol.Data, protocol.End) {
	return metaOfFile(m.content),
		protocol.Data{Digest: protocol.BlockDigest(m.content), Bytes: m.content},
		protocol.End{Size: uint64(len(m.content)), ETag: 7, Algorithm: protocol.XXH3Tree, Digest: treeOf(m.content)}
}

// oddities are answers that are no success.
func oddities() map[string]oddity {
	said := func(code protocol.Code) func(*moody, uint32) {
		return func(m *moody, request uint32) { m.peer.fail(request, code) }
	}
	slowly := func(l *limits) { l.bulkTurn = -1 }
	return map[string]oddity{
		"refused":                           {odd: said(protocol.Busy)},
		"refused, and each worker slow":     {odd: said(protocol.Busy), limits: slowly},
		"put refused, and each worker slow": {odd: said(protocol.Busy), limits: slowly, put: true},
		"put refused":                       {odd: said(protocol.Busy), put: true},
		"a block asked for again, and then stored": {put: true, odd: func(m *moody, request uint32) {
			m.send(request, protocol.Ready{Flags: protocol.ReadyAgain})
			m.send(request, protocol.OK{Count: uint64(len(m.content)), ETag: 7})
			m.over[request] = true
		}},
		"put counted wrong": {put: true, odd: func(m *moody, request uint32) {
			m.send(request, protocol.OK{Count: 1, ETag: 7})
		}},
		"damaged": {odd: func(m *moody, request uint32) {
			meta, data, end := m.parts()
			data.Digest[3]++
			m.sendFile(request, meta, data, end)
		}},
		"another digest": {odd: func(m *moody, request uint32) {
			meta, data, end := m.parts()
			end.Digest[3]++
			m.sendFile(request, meta, data, end)
		}},
		"changed": {odd: func(m *moody, request uint32) {
			meta, data, end := m.parts()
			end.ETag++
			m.sendFile(request, meta, data, end)
		}},
		"a link by now": {odd: func(m *moody, request uint32) {
			meta, data, end := m.parts()
			meta.Kind = protocol.Symlink
			m.sendFile(request, meta, data, end)
		}},
		"many blocks": {odd: func(m *moody, request uint32) { // CANCEL follows
			meta, data, _ := m.parts()
			m.send(request, meta)
			m.send(request, data)
			m.send(request, data)
			m.send(request, data)
		}},
		"grown": {odd: func(m *moody, request uint32) { // CANCEL follows
			big := bytesOf(2 * bs)
			m.send(request, metaOfFile(big))
			m.data(request, 0, big[:bs])
		}},
		"shorter than told": {odd: func(m *moody, request uint32) {
			meta, _, end := m.parts()
			m.send(request, meta)
			m.send(request, end)
		}},
	}
}

type oddity struct {
	odd    func(m *moody, request uint32)
	put    bool
	limits func(*limits)
}

// What is odd about a small file is asked for once more, one by one, and then
// either well or an error that says why.
func TestBulkPassesOn(t *testing.T) {
	for name, test := range oddities() {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			content := bytesOf(5000)
			var names []string
			for i := range 100 {
				names = append(names, fmt.Sprintf("f%02d", i))
				if err := os.WriteFile(filepath.Join(dir, names[i]), content, 0o600); err != nil {
					t.Fatal(err)
				}
			}
			m := &moody{names: names, content: content, odd: test.odd}
			t.Cleanup(func() { // when the server has ended
				for path, tries := range m.tries {
					if tries != 2 {
						t.Errorf("%s was asked for %d times", path, tries)
					}
				}
			})
			c := withPeer(t, peerOptions{limits: test.limits}, func(p *peer) { m.peer = p; m.serve() })
			var progress counter
			defer func() {
				if want := (counter{files: 100, bytes: 500000, moved: 500000, done: 100}); progress != want {
					t.Errorf("progress: %+v, want %+v", progress, want)
				}
			}()
			o := &TransferOptions{Progress: &progress}
			if test.put {
				summary, err := c.PutTree(limit(t), dir, "x", o)
				if err != nil || summary.Files != 100 || summary.Failed != 0 {
					t.Errorf("%+v, %v", summary, err)
				}
				if conn := c.lines[0].last(); len(conn.slots) != 0 {
					t.Errorf("%d requests are still in flight", len(conn.slots))
				}
				return
			}
			local := filepath.Join(dir, "copy")
			summary, err := c.GetTree(limit(t), "x", local, o)
			if err != nil || summary.Files != 100 || summary.Failed != 0 {
				t.Errorf("%+v, %v", summary, err)
			}
			for _, name := range names {
				if got, err := os.ReadFile(filepath.Join(local, name)); err != nil || !bytes.Equal(got, content) {
					t.Errorf("%s: %d bytes, %v", name, len(got), err)
				}
			}
			noParts(t, dir)
		})
	}
}

// A tree whose small files nobody answers for ends with its context, and with its
// connection.
func TestBulkEnds(t *testing.T) {
	dir := t.TempDir()
	var names []string
	for i := range 300 {
		names = append(names, fmt.Sprintf("f%03d", i))
		if err := os.WriteFile(filepath.Join(dir, names[i]), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, put := range []bool{false, true} {
		for _, hangUp := range []bool{false, true} {
			t.Run(fmt.Sprintf("put=%t,hangUp=%t", put, hangUp), func(t *testing.T) {
				ctx, cancel := context.WithCancel(limit(t))
				asked := 0
				m := &moody{names: names, content: []byte("x"), odd: func(m *moody, request uint32) {
					switch asked++; {
					case asked < 100:
					case hangUp:
						_ = m.conn.Close()
					default:
						cancel()
					}
				}}
				c := withPeer(t, peerOptions{}, func(p *peer) { m.peer = p; m.serve() })
				var summary Summary
				var err error
				if put {
					summary, err = c.PutTree(ctx, dir, "x", nil)
				} else {
					summary, err = c.GetTree(ctx, "x", filepath.Join(t.TempDir(), "copy"), nil)
				}
				want := context.Canceled
				if hangUp {
					want = errHungUp
				}
				if !errors.Is(err, want) || summary.Files != 0 {
					t.Errorf("%+v, %v", summary, err)
				}
			})
		}
	}
}

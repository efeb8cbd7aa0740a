package client

import (
	"fmt"
	"path/filepath"
	"testing"

	"ftpd/protocol"
)

// Many more files wait for the server than have a descriptor here, whichever way
// they go, and directories are made many at a time.
func TestManyWait(t *testing.T) {
	const files, directories = 1000, 100
	source, target := t.TempDir(), filepath.Join(t.TempDir(), "tree")
	for i := range files {
		writeFile(t, filepath.Join(makeDir(t, source, fmt.Sprint(i%directories)), fmt.Sprint(i)), []byte("content"))
	}
	before := descriptors(t)
	// together returns so many requests of a kind, which are all in flight at once.
	together := func(p *peer, op protocol.Opcode, most int) []protocol.Frame {
		var list []protocol.Frame
		for len(list) < most {
			if f := p.expectAny(); f.Opcode == op {
				list = append(list, f)
			} else if f.Opcode == 0 {
				return nil
			}
		}
		if now := descriptors(t); now > before+perDir*keepOpen+perWalker*walkers+perFile*bulkWorkers+others {
			t.Errorf("%s: %d descriptors", op, now-before)
		}
		return list
	}
	c := withPeer(t, peerOptions{inFlight: 2048}, func(p *peer) {
		p.send(p.expect(protocol.OpMkdir).Request, protocol.OK{Count: 1}) // the top
		for _, f := range together(p, protocol.OpMkdir, directories) {
			p.send(f.Request, protocol.OK{Count: 1})
		}
		for _, f := range together(p, protocol.OpPut, files) {
			p.send(f.Request, protocol.OK{Count: uint64(len("content"))})
		}
		stat := p.expectAny()
		for stat.Opcode == protocol.OpData || stat.Opcode == protocol.OpEnd {
			stat = p.expectAny()
		}
		p.send(stat.Request, protocol.Meta{Kind: protocol.Directory, Mode: 0o755})
		list := p.expect(protocol.OpList)
		for i := range directories {
			m := protocol.Entry{Path: fmt.Sprint(i), Meta: protocol.Meta{Kind: protocol.Directory, Mode: 0o755}}
			p.send(list.Request, protocol.Entries{List: []protocol.Entry{m}})
		}
		for i := range files {
			m := protocol.Entry{Path: fmt.Sprintf("%d/%d", i%directories, i), Meta: metaOfFile([]byte("content"))}
			p.send(list.Request, protocol.Entries{List: []protocol.Entry{m}})
		}
		p.send(list.Request, protocol.OK{Count: files + directories})
		for _, f := range together(p, protocol.OpGet, files) {
			p.file(f.Request, []byte("content"), 0, func() bool { return false })
		}
		p.drain()
	})
	if s, err := c.PutTree(limit(t), source, "tree", nil); err != nil || s.Files != files || s.Directories != directories {
		t.Errorf("%+v, %v", s, err)
	}
	if s, err := c.GetTree(limit(t), "tree", target, nil); err != nil || s.Files != files || s.Directories != directories {
		t.Errorf("%+v, %v", s, err)
	}
}

package session_test

import (
	"testing"

	"ftpd/protocol"
	"ftpd/server/storage"
)

// memory is a storage that has some answers in memory, and counts the looks.
type memory struct {
	storage.Storage
	known map[storage.Path]storage.Info
	looks int
}

func (m *memory) StatCached(path storage.Path) (storage.Info, bool) {
	m.looks++
	info, ok := m.known[path]
	return info, ok
}

// A STAT whose answer is in memory takes no job, and any other one does.
func TestStatAtOnce(t *testing.T) {
	stat := func(id uint32, path string, flags protocol.Flags) []byte {
		return protocol.Append(nil, id, protocol.Stat{Path: path, Flags: flags})
	}
	root := t.TempDir()
	in := &memory{Storage: storeOf(t, root), known: map[storage.Path]storage.Info{
		"known": {Kind: storage.Regular, Size: 7, ETag: 5},
	}}
	h := newHarnessOn(t, root, in)
	h.greet()
	h.write("other", "content")
	for _, test := range []struct {
		path string
		jobs int
		want protocol.Opcode
		size uint64
	}{
		{"known", 0, protocol.OpMeta, 7},
		{"other", 1, protocol.OpMeta, 7},
		{"nothing", 1, protocol.OpError, 0},
		{"../known", 0, protocol.OpError, 0},
	} {
		h.feed(stat(1, test.path, protocol.StatNoFollow))
		if len(h.jobs) != test.jobs {
			t.Errorf("%s: %d jobs", test.path, len(h.jobs))
		}
		f := h.one()
		if f.Opcode != test.want {
			t.Errorf("%s: %s", test.path, f.Opcode)
		}
		if f.Opcode == protocol.OpMeta && decode[protocol.Meta](t, f).Size != test.size {
			t.Errorf("%s: %+v", test.path, decode[protocol.Meta](t, f))
		}
	}
}

// Looks are system calls on the loop, so a turn has few of them; what is beyond is for the pool.
func TestLooksAreFew(t *testing.T) {
	root := t.TempDir()
	in := &memory{Storage: storeOf(t, root), known: map[storage.Path]storage.Info{"known": {Kind: storage.Regular}}}
	h := newHarnessOn(t, root, in)
	h.greet()
	h.write("known", "")
	var many []byte
	for id := range uint32(50) {
		many = append(many, protocol.Append(nil, id+1, protocol.Stat{Path: "known"})...)
	}
	h.feed(many)
	if in.looks == 0 || in.looks+len(h.jobs) != 50 || in.looks > 16 {
		t.Errorf("%d looks and %d jobs for 50 requests", in.looks, len(h.jobs))
	}
	h.run()
	if list := h.frames(); len(list) != 50 {
		t.Errorf("%d replies", len(list))
	}
}

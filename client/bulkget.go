package client

import (
	"io"

	"ftpd/protocol"
)

// The small files of a GetTree, in bulk.
func (t *treeGetter) direction() direction {
	if t.options.CreateOnly { // a look before the request saves it where the name is taken
		return nil
	}
	return t
}

func (t *treeGetter) depart(f *flight) bool {
	f.op, f.replies, f.length = "get", &getReplies, protocol.SizeUnknown
	if f.bulk.conn.begin(t.ctx, &f.request) != nil {
		return false
	}
	f.conn.sender.line(f.id, protocol.Get{Path: f.path, Length: protocol.SizeUnknown})
	return true
}

func (t *treeGetter) arrive(f *flight) bool {
	g := &f.getter
	*g = getter{client: t.client, path: f.path, length: protocol.SizeUnknown, begin: f.accept, moved: noProgress{}.Moved}
	f.g = g
	for over, last := false, 0; !over; last++ {
		if last == f.n {
			return false
		}
		a := f.came[last]
		a.buffer = nil // it is needed for longer
		var err error
		if over, err = f.reply(t.ctx, a); err != nil {
			return false
		}
	}
	dir, name := split(f.job.path)
	in, err := t.dirs.use(dir)
	if err != nil {
		return false
	}
	defer t.dirs.release(in)
	if in.store(name, f.content, g.info) != nil {
		return false
	}
	if grown := int64(len(f.content)) - f.job.size; grown != 0 {
		t.options.Progress.Expect(0, grown)
	}
	f.result = g.result(f.begun)
	return true
}

// accept has the GET write to its flight.
func (f *flight) accept(Info, int64) (io.Writer, error) { return f, nil }

// Write takes the one block of a small file.
func (f *flight) Write(b []byte) (int, error) {
	f.content = b
	return len(b), nil
}

package client

import (
	"context"
	"errors"
	"io"

	"ftpd/protocol"
)

const (
	// mostDamaged is how often a block may come damaged, or a PUT fail for one that
	// did, in a row: then the way is not worth another try.
	mostDamaged = 4
	// aheadOfRepair is how much more of a GET may wait for its caller while that
	// fetches a block again, in bytes: what the server has sent by the time that it
	// hears of it, and all that the way holds.
	aheadOfRepair = 32 << 20
)

// fetchAgain replaces a block that came damaged by the same of the same version,
// asked for alone: what follows it goes on coming meanwhile.
func (p *part) fetchAgain(ctx context.Context, m *protocol.Data) error {
	g := p.g
	if g.damaged++; g.damaged == mostDamaged || g.etag == 0 {
		return p.errorf(protocol.Integrity, "the block at %d arrived damaged", m.Offset)
	}
	p.spare.Store(aheadOfRepair)
	signal(p.inbox.room) // for a reader that waits already
	defer p.spare.Store(0)
	again := getter{
		conn: g.conn, path: g.path, next: m.Offset, length: uint64(len(m.Bytes)), etag: g.etag,
		damaged: g.damaged, now: true,
		begin: func(Info, int64) (io.Writer, error) { return into{m.Bytes}, nil },
		moved: func(int64) {},
		wrote: func(digest protocol.Digest, _ int) { m.Digest = digest },
	}
	_, err := again.run(ctx)
	if errors.Is(err, errNoSlot) {
		return errSetAside // in the place of this request, then
	}
	if err == nil {
		g.damaged = 0
		g.repaired++
	}
	return err
}

// into is a writer to memory of the size of what is written.
type into struct{ b []byte }

func (i into) Write(b []byte) (int, error) { return copy(i.b, b), nil }

// damage is what the server found of a PUT that is sent again for it. A source of
// which the server keeps what it has is sent from the damaged block on, any other
// from the start.
type damage struct {
	source   *source
	progress Progress
	blocks   int64 // that came damaged
	times    int   // in a row at one place
	at       int64 // where the last try began
}

// mends tells whether an error is that of a damaged block, and another try is worth
// it and can be: the source is at its start then.
func (d *damage) mends(p *putter, err error) bool {
	said, ok := errors.AsType[*Error](err)
	if !ok || said.Code != protocol.Integrity || said.Op != p.op || p.answered || p.conn.over() {
		return false
	}
	if p.resumed > d.at {
		d.at, d.times = p.resumed, 0
	}
	if d.times++; d.times == mostDamaged || !d.source.rewind() {
		return false
	}
	d.blocks++
	if d.source.size >= 0 {
		d.progress.Expect(0, int64(p.tree.Size())) // which was sent in vain, but for what the server has
	}
	return true
}

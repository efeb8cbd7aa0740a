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
		client: g.client, path: g.path, next: m.Offset, length: uint64(len(m.Bytes)), etag: g.etag,
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

// damaged tells whether an error is that of a block which arrived damaged. One that
// was all there was to send is sent again with its PUT: it costs no more.
func (u *upload) damaged(err error) bool {
	said, ok := errors.AsType[*Error](err)
	return ok && said.Code == protocol.Integrity && said.Op == u.op && !u.answered
}

// again takes a reply that comes before the last: READY, which asks for a block that
// arrived damaged.
func (u *upload) again(ctx context.Context, a arrival) error {
	if a.opcode != protocol.OpReady {
		return u.errorf(protocol.Protocol, "the server sent %s before all was sent", a.opcode)
	}
	m, err := decode[protocol.Ready](&u.request, a)
	if err != nil {
		return err
	}
	p, sent := u.put, u.tree.Size()
	p.repaired++
	switch {
	case m.Flags&protocol.ReadyAgain == 0 || m.Offset >= sent || m.Offset < u.from:
		return u.errorf(protocol.Protocol, "the server sent READY for %d after %d bytes", m.Offset, sent)
	case p.repaired > mostDamaged*int64(1+sent/protocol.BlockSize):
		return u.errorf(protocol.Protocol, "the server asks again and again")
	case !p.source.rereads():
		return u.errorf(protocol.Integrity, "the block at %d arrived damaged, and cannot be read again", m.Offset)
	}
	n := int(protocol.BlockEnd(m.Offset, sent) - m.Offset)
	b := getBuffer(protocol.BlockBuffer)
	frame := b.b[:protocol.DataOverhead+n]
	if err := p.source.readAgain(frame[protocol.DataOverhead:], int64(m.Offset)); err != nil {
		b.free()
		return err
	}
	protocol.PutDataHeader(frame, u.id, m.Offset, protocol.BlockDigest(frame[protocol.DataOverhead:]), n)
	if err := u.data(ctx, frame, b); err != nil {
		return err
	}
	u.conn.repaid(&u.request)
	return nil
}

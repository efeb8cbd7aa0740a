package client

import (
	"context"

	"ftpd/protocol"
)

// upload is one request of a PUT.
type upload struct {
	request
	put *putter

	tree    protocol.Tree // what END tells: the digest of READY and of what follows
	from    uint64        // where READY has it begin
	ended   bool          // END is queued
	spreads bool          // its blocks go in pieces, by requests of their own
	// answered says that OK has come.
	answered bool
}

// run sends a file that is one block, or empty, in one write; with a longer one it
// waits for the server to be ready.
func (u *upload) run(ctx context.Context, conn *conn, eager bool) (ok protocol.OK, err error) {
	p := u.put
	if eager { // else READY tells which block is needed
		if err := p.seek(0); err != nil {
			return ok, err
		}
	}
	u.sending = !eager
	if err := conn.begin(ctx, &u.request); err != nil { // not if ctx ended while the source was read
		return ok, err
	}
	defer u.abandon() // also when the reader panics
	defer p.endWith(conn)()
	if eager {
		u.all()
	} else if err := u.stream(ctx); err != nil {
		return ok, err
	}
	return u.stored(ctx)
}

// all sends all of a file that is one block or empty.
func (u *upload) all() {
	b := u.put.block
	u.put.block = nil // it is the queue's
	frames := b.b[:0]
	if u.put.n > 0 {
		frames = u.frame(b)
	}
	u.patient.Store(true)
	u.ended = true
	u.conn.sender.eager(u.id, u.put.message, protocol.Append(frames, u.id, u.end()), b)
	u.put.moved()
}

// stream sends a file block by block.
func (u *upload) stream(ctx context.Context) error {
	p := u.put
	resumable := p.message.Source != 0
	u.patient.Store(resumable) // the server may wait for an earlier PUT to end
	u.conn.sender.message(u.id, p.message)
	offset, err := u.ready(ctx, resumable)
	if err != nil {
		return err
	}
	u.patient.Store(true) // reading takes the time it takes
	if u.spreads {
		err = u.spread(ctx, offset)
	} else {
		err = u.blocks(ctx, offset, resumable)
	}
	if err != nil {
		return err
	}
	// What ended ctx may have ended the source as well, so that it is not whole.
	if err := ctx.Err(); err != nil {
		return u.wrap(err)
	}
	u.patient.Store(true)
	u.ended = true
	u.conn.sender.message(u.id, u.end())
	u.conn.sent(&u.request)
	return nil
}

// blocks sends the blocks from an offset on.
func (u *upload) blocks(ctx context.Context, offset int64, resumable bool) error {
	p := u.put
	err := p.seek(offset)
	for ; err == nil && p.n > 0; err = p.next() {
		u.patient.Store(false)
		p.kept = resumable
		if err := u.block(ctx); err != nil {
			return err
		}
		if p.last {
			break
		}
		u.patient.Store(true)
	}
	if err != nil {
		return u.blame(err)
	}
	return nil
}

// blame returns why the connection has ended, where it has, in place of the
// failure of a source: a caller ends the reading when PutOptions.Lost tells of that.
func (u *upload) blame(err error) error {
	if cause := u.conn.ended(); cause != nil && !u.put.source.repeats() {
		return u.wrap(cause)
	}
	return err
}

// ready waits for READY, and returns where it has the source go on. That the server
// has what is before, it has made sure of when that came; that the source is
// the same still, its version tells.
func (u *upload) ready(ctx context.Context, resumable bool) (offset int64, err error) {
	p := u.put
	a, err := u.next(ctx)
	if err != nil {
		return 0, err
	}
	m, err := decode[protocol.Ready](&u.request, a)
	if err != nil {
		return 0, err
	}
	if m.Flags&protocol.ReadyAgain != 0 {
		return 0, u.errorf(protocol.Protocol, "the server asks again for what it was not sent")
	}
	if u.spreads = m.Flags&protocol.ReadySpread != 0; u.spreads && p.message.Flags&protocol.PutSpread == 0 {
		return 0, u.errorf(protocol.Protocol, "the server wants pieces that were not offered")
	}
	first := p.told == 0 && p.digests == nil
	if first {
		p.restarted = m.Flags&protocol.ReadyRestarted != 0
	}
	switch {
	case m.Offset == 0:
		return 0, nil
	case !resumable || m.Offset > uint64(p.source.size):
		return 0, u.errorf(protocol.Protocol, "the server continues at %d what it never had", m.Offset)
	}
	offset = int64(m.Offset)
	u.from = m.Offset
	u.tree.Continue(m.Offset, m.Digest)
	p.kept = true
	if first {
		p.resumed = offset
	}
	if offset > p.verified {
		p.verified = offset
		p.client.advanced()
	}
	p.has(offset)
	return offset, nil
}

// block sends the block that was read, unless the server has failed the request.
func (u *upload) block(ctx context.Context) error {
	p := u.put
	a, came, err := u.poll()
	for came && err == nil {
		if err = u.again(ctx, a); err == nil {
			a, came, err = u.poll()
		}
	}
	if err != nil {
		return err
	}
	b := p.block
	p.block = nil
	if err := u.data(ctx, u.frame(b), b); err != nil {
		return err
	}
	p.moved()
	return nil
}

// frame makes a DATA frame around the block that was read into b.
func (u *upload) frame(b *buffer) []byte {
	p := u.put
	frame := b.b[:protocol.DataOverhead+p.n]
	digest := protocol.BlockDigest(frame[protocol.DataOverhead:])
	protocol.PutDataHeader(frame, u.id, u.tree.Size(), digest, p.n)
	u.tree.Add(digest, p.n)
	if p.at == int64(p.tree.Size()) {
		p.tree.Add(digest, p.n)
	}
	return frame
}

func (u *upload) end() protocol.End {
	return protocol.End{Size: u.tree.Size(), Algorithm: protocol.XXH3Tree, Digest: u.tree.Sum()}
}

// stored waits for OK.
func (u *upload) stored(ctx context.Context) (protocol.OK, error) {
	a, err := u.next(ctx)
	for err == nil && a.opcode == protocol.OpReady {
		if err = u.again(ctx, a); err == nil {
			a, err = u.next(ctx)
		}
	}
	if err != nil {
		return protocol.OK{}, err
	}
	if a.opcode != protocol.OpOK {
		return protocol.OK{}, u.errorf(protocol.Protocol, "the server sent %s out of turn", a.opcode)
	}
	u.answered = true
	ok, err := decode[protocol.OK](&u.request, a)
	if err == nil && ok.Count != u.tree.Size() {
		err = u.errorf(protocol.Integrity, "the server stored %d bytes, and not %d", ok.Count, u.tree.Size())
	}
	return ok, err
}

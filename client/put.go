package client

import (
	"context"
	"io"
	"io/fs"
	"time"

	"ftpd/protocol"
)

// Put stores what r holds, in one step: the path names what it named before,
// or all of it. It reads r to its end, always before or while a request is
// open, never after it returned. A failure of r, and one that has more or
// fewer bytes than its size, is a *LocalError; once the connection has ended,
// the reason of that is returned in its place. Nothing is stored where ctx has
// ended by the time that r has.
func (c *Client) Put(ctx context.Context, path string, r io.Reader, o *PutOptions) (Result, error) {
	if o == nil {
		o = &PutOptions{}
	}
	progress := progressOr(o.Progress)
	source, err := newSource(r, o.Size)
	if err != nil {
		return Result{}, err
	}
	progress.Expect(1, max(0, source.size))
	defer progress.Done(1)
	return c.put(ctx, path, source, o, progress)
}

// put is Put without a beginning and an end for the progress.
func (c *Client) put(ctx context.Context, path string, s *source, o *PutOptions, progress Progress) (Result, error) {
	begun := time.Now()
	if o.CreateOnly && o.IfMatch != 0 {
		return Result{}, &Error{Op: "put", Path: path, Code: protocol.Invalid, Message: "a new file has no etag to match"}
	}
	m := putMessage(path, s, o)
	once := func() (*putter, protocol.OK, error) {
		p := &putter{
			request: request{conn: c.conn, op: "put", path: path, replies: &putReplies},
			source:  s,
			moved:   progress.Moved,
			skipped: func(n int64) { progress.Expect(0, -n) },
		}
		ok, err := p.run(ctx, m)
		return p, ok, err
	}
	p, ok, err := once()
	repaired := int64(0)
	for ; err != nil && p.eagerly && repaired < mostDamaged-1 && p.damaged(err) && s.rewind(); repaired++ {
		progress.Expect(0, max(0, s.size)) // it was sent in vain
		p, ok, err = once()
	}
	if err != nil {
		return Result{}, p.leave(ctx, err)
	}
	result := Result{
		Path: path, Size: s.read, Resumed: p.resumed, Restarted: p.restarted, Repaired: repaired + p.repaired,
		Mtime: o.Mtime, Mode: o.Mode.Perm(), ETag: uint64(ok.ETag), Duration: time.Since(begun),
	}
	if p.resumed == 0 { // else it is not known here
		result.Digest = p.tree.Sum()
	}
	return result, nil
}

func putMessage(path string, s *source, o *PutOptions) protocol.Put {
	m := protocol.Put{Path: path, Size: protocol.SizeUnknown, Mtime: wireTime(o.Mtime), Mode: wireMode(o.Mode)}
	if s.size >= 0 {
		m.Size = uint64(s.size)
	}
	if s.keeps && s.file != nil && s.start == 0 && s.size > protocol.BlockSize {
		m.Source, m.Version = fingerprint(s.name, s.info)
	}
	if o.CreateOnly {
		m.Flags |= protocol.PutCreateOnly
	}
	if o.IfMatch != 0 {
		m.Flags |= protocol.PutIfMatch
		m.ETag = protocol.ETag(o.IfMatch)
	}
	if !o.NoParents {
		m.Flags |= protocol.PutParents
	}
	return m
}

// putter is a PUT in flight.
type putter struct {
	request
	source *source
	moved  func(int64)
	tree   protocol.Tree

	resumable bool          // the server may keep what it has
	resumed   int64         // bytes that the server had
	restarted bool          // the server had another version
	eagerly   bool          // all was sent at once
	answered  bool          // OK has come
	repaired  int64         // blocks that were asked for again
	skipped   func(n int64) // told of what need not be sent
}

// leave tells with an error that the next PUT of the source can go on with what
// the server has.
func (p *putter) leave(ctx context.Context, err error) error {
	if p.resumable && p.tree.Size() > 0 && (ctx.Err() != nil || p.conn.ended() != nil) {
		return &ResumableError{Err: err}
	}
	return err
}

// run reads the first block and then knows how to go on: a file of one block
// leaves in one write, a longer one waits for the server to be ready.
func (p *putter) run(ctx context.Context, m protocol.Put) (protocol.OK, error) {
	first := getBuffer(p.source.bufferSize())
	n, last, err := p.source.next(first.b[protocol.DataOverhead:])
	if err == nil {
		p.sending = !last
		err = p.conn.begin(ctx, &p.request) // not if ctx ended while it was read
	} else {
		err = p.blame(err)
	}
	if err != nil {
		first.free()
		return protocol.OK{}, err
	}
	defer p.abandon() // also when the reader panics
	if last {
		m.Flags |= protocol.PutEager
		p.eagerly = true
		m.Size = uint64(n)
		p.eager(m, first, n)
	} else if err := p.stream(ctx, m, first, n); err != nil {
		return protocol.OK{}, err
	}
	return p.stored(ctx)
}

// eager sends all of a file that is one block or empty.
func (p *putter) eager(m protocol.Put, b *buffer, n int) {
	frames := b.b[:0]
	if n > 0 {
		frames = p.frame(b, n)
	}
	p.patient.Store(true)
	p.conn.sender.eager(p.id, m, protocol.Append(frames, p.id, p.end()), b)
	p.moved(int64(n))
}

// stream sends a file block by block.
func (p *putter) stream(ctx context.Context, m protocol.Put, b *buffer, n int) error {
	p.resumable = m.Source != 0
	p.patient.Store(p.resumable) // the server may wait for an earlier PUT to end
	p.conn.sender.message(p.id, m)
	if err := p.ready(ctx); err != nil {
		b.free()
		return err
	}
	p.patient.Store(false)
	last := false
	if p.resumed > 0 {
		var err error
		if n, last, err = p.read(b); err != nil {
			return err
		}
	}
	for n > 0 {
		if err := p.block(ctx, b, n); err != nil {
			return err
		}
		if b = nil; last {
			break
		}
		b = getBuffer(protocol.BlockBuffer)
		var err error
		if n, last, err = p.read(b); err != nil {
			return err
		}
	}
	if b != nil {
		b.free()
	}
	// What ended ctx may have ended the source as well, so that it is not whole.
	if err := ctx.Err(); err != nil {
		return p.wrap(err)
	}
	p.patient.Store(true)
	p.conn.sender.message(p.id, p.end())
	p.conn.sent(&p.request)
	return nil
}

// read reads the next block into b, which is given back with an error.
func (p *putter) read(b *buffer) (n int, last bool, err error) {
	p.patient.Store(true) // reading takes the time it takes
	if n, last, err = p.source.next(b.b[protocol.DataOverhead:]); err != nil {
		b.free()
		return 0, false, p.blame(err)
	}
	p.patient.Store(false)
	return n, last, nil
}

// blame returns why the connection has ended, where it has, in place of the
// failure of a source: a caller ends the reading when Done tells of that.
func (p *putter) blame(err error) error {
	if cause := p.conn.ended(); cause != nil {
		return p.wrap(cause)
	}
	return err
}

// ready waits for READY, and goes on in the source where it says. That the
// server has what is before, it has made sure of when that came; that the source is
// the same still, its version tells.
func (p *putter) ready(ctx context.Context) error {
	a, err := p.next(ctx)
	if err != nil {
		return err
	}
	m, err := decode[protocol.Ready](&p.request, a)
	if err != nil {
		return err
	}
	if m.Flags&protocol.ReadyAgain != 0 {
		return p.errorf(protocol.Protocol, "the server asks again for what it was not sent")
	}
	p.restarted = m.Flags&protocol.ReadyRestarted != 0
	switch {
	case m.Offset == 0:
		return nil
	case !p.resumable || m.Offset > uint64(p.source.size):
		return p.errorf(protocol.Protocol, "the server continues at %d what it never had", m.Offset)
	}
	p.resumed = int64(m.Offset)
	p.tree.Continue(m.Offset, m.Digest)
	p.skipped(p.resumed)
	return p.source.skip(p.resumed)
}

// block sends the n bytes that were read into b, unless the server has failed
// the request.
func (p *putter) block(ctx context.Context, b *buffer, n int) error {
	a, came, err := p.poll()
	for came && err == nil {
		if err = p.again(ctx, a); err == nil {
			a, came, err = p.poll()
		}
	}
	if err != nil {
		b.free()
		return err
	}
	if err := p.data(ctx, p.frame(b, n), b); err != nil {
		return err
	}
	p.moved(int64(n))
	return nil
}

// data queues a DATA frame, which lies in b.
func (p *putter) data(ctx context.Context, frame []byte, b *buffer) error {
	err := p.conn.sender.data(ctx, p.conn.dead, frame, b)
	if err == nil {
		return nil
	}
	if ctx.Err() == nil {
		err = p.conn.cause()
	}
	return p.wrap(err)
}

// frame makes a DATA frame around the n bytes that were read into b.
func (p *putter) frame(b *buffer, n int) []byte {
	frame := b.b[:protocol.DataOverhead+n]
	digest := protocol.BlockDigest(frame[protocol.DataOverhead:])
	protocol.PutDataHeader(frame, p.id, p.tree.Size(), digest, n)
	p.tree.Add(digest, n)
	return frame
}

func (p *putter) end() protocol.End {
	return protocol.End{Size: p.tree.Size(), Algorithm: protocol.XXH3Tree, Digest: p.tree.Sum()}
}

// stored waits for OK.
func (p *putter) stored(ctx context.Context) (protocol.OK, error) {
	a, err := p.next(ctx)
	for err == nil && a.opcode == protocol.OpReady {
		if err = p.again(ctx, a); err == nil {
			a, err = p.next(ctx)
		}
	}
	if err != nil {
		return protocol.OK{}, err
	}
	if a.opcode != protocol.OpOK {
		return protocol.OK{}, p.errorf(protocol.Protocol, "the server sent %s out of turn", a.opcode)
	}
	p.answered = true
	ok, err := decode[protocol.OK](&p.request, a)
	if err == nil && ok.Count != p.tree.Size() {
		err = p.errorf(protocol.Integrity, "the server stored %d bytes, and not %d", ok.Count, p.tree.Size())
	}
	return ok, err
}

func wireMode(mode fs.FileMode) uint32 { return uint32(mode & fs.ModePerm) }

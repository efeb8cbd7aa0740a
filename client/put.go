package client

import (
	"context"
	"fmt"
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
//
// A connection that is lost does not end a Put where r can be read again, as an
// io.Seeker that is no pipe or device can, or where nothing of it was sent. With a
// condition, CreateOnly or IfMatch, it does once all was sent: an *UnknownError.
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
	p := putter{
		client: c, path: path, source: s, once: o.CreateOnly || o.IfMatch != 0, lost: o.Lost, progress: progress,
		message: putMessage(path, s, o),
	}
	if len(c.lines) > 1 && p.message.Source != 0 && s.size > pieceSize && s.rereads() {
		p.message.Flags |= protocol.PutSpread
	}
	defer p.drop()
	ok, err := p.run(ctx)
	if err != nil {
		return Result{}, p.leave(ctx, err)
	}
	result := Result{
		Path: path, Size: s.read, Resumed: p.resumed, Restarted: p.restarted, Repaired: p.repaired,
		Mtime: o.Mtime, Mode: o.Mode.Perm(), ETag: uint64(ok.ETag), Duration: time.Since(begun),
	}
	if p.tree.Size() == uint64(s.read) { // else it is not known here
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

// putter is a PUT, in as many requests as it takes: one, unless the connection
// was lost.
type putter struct {
	client   *Client
	path     string
	source   *source
	message  protocol.Put
	once     bool   // what an earlier request has stored would fail its condition
	lost     func() // ends the reading of what cannot be read again; may be nil
	progress Progress

	block *buffer // holds a block that was read and not sent; nil where none is
	at    int64   // its offset
	n     int     // its bytes
	last  bool    // nothing is behind it

	told      int64             // the progress was told of the bytes before it
	tree      protocol.Tree     // over all blocks, unless some were resumed
	digests   []protocol.Digest // of the blocks that went in pieces, by their number; zero is not known
	resumed   int64             // bytes that the server had at first
	restarted bool              // the server had another version
	verified  int64             // bytes that the server had at last
	kept      bool              // it may keep what it has
	repaired  int64             // blocks that were asked for again, and the only one sent again
}

// run reads the first block before it looks for a connection: by the time that a
// slow source has it, that may be another one.
func (p *putter) run(ctx context.Context) (ok protocol.OK, err error) {
	if err := p.first(); err != nil {
		return ok, err
	}
	eager := p.last
	if eager {
		p.message.Flags |= protocol.PutEager
		p.message.Size = uint64(p.n)
	}
	err = p.client.attempt(ctx, "put", p.path, func(conn *conn) (again bool, err error) {
		for {
			u := upload{request: request{op: "put", path: p.path, replies: &putReplies}, put: p}
			ok, err = u.run(ctx, conn, eager)
			switch {
			case u.ended && p.once && isLost(err):
				return false, &UnknownError{err}
			case !eager || !u.damaged(err) || p.repaired == mostDamaged-1 || !p.source.repeats():
				return p.repeatable(), err
			}
			p.repaired++
		}
	})
	return ok, err
}

// first reads the first block. Where no other connection will follow, a lost one
// ends that.
func (p *putter) first() error {
	if p.client.options.Retries > 0 {
		return p.seek(0)
	}
	conn := p.client.lines[0].last()
	defer p.endWith(conn)()
	err := p.seek(0)
	if cause := conn.ended(); err != nil && cause != nil {
		return fmt.Errorf("%s: %w", subject("put", p.path), cause)
	}
	return err
}

// endWith has the source's reading ended when a connection is lost, if it cannot be
// read again. What it returns calls that off.
func (p *putter) endWith(conn *conn) (stop func()) {
	if p.lost == nil || p.source.repeats() {
		return func() {}
	}
	over := make(chan struct{})
	go func() {
		select {
		case <-conn.dead:
			p.lost()
		case <-over:
		}
	}()
	return func() { close(over) }
}

// repeatable tells whether all can be sent once more.
func (p *putter) repeatable() bool {
	return p.source.repeats() || p.block != nil && p.at == 0
}

// seek has the block at an offset in p.block.
func (p *putter) seek(offset int64) error {
	if p.block != nil && p.at == offset {
		return nil
	}
	if p.source.read != offset {
		if err := p.source.skip(offset); err != nil {
			return err
		}
	}
	return p.next()
}

// next reads the next block into p.block.
func (p *putter) next() (err error) {
	if p.block == nil {
		p.block = getBuffer(p.source.bufferSize())
	}
	p.at = p.source.read
	if p.n, p.last, err = p.source.next(p.block.b[protocol.DataOverhead:]); err != nil {
		p.drop()
	}
	return err
}

// drop gives back the memory of a block that will not be sent.
func (p *putter) drop() {
	p.block.free()
	p.block = nil
}

// has tells the progress of what the server has already.
func (p *putter) has(offset int64) {
	more := offset - p.told
	switch {
	case more <= 0:
		return
	case p.digests != nil: // it is of pieces whose answer was lost
		p.progress.Moved(more)
	default:
		p.progress.Expect(0, -more)
	}
	p.told = offset
}

// moved tells the progress of a block that is sent, unless it was before.
func (p *putter) moved() {
	if more := p.at + int64(p.n) - p.told; more > 0 {
		p.progress.Moved(more)
		p.told += more
	}
}

// leave tells with an error that the next PUT of the source can go on with what
// the server has.
func (p *putter) leave(ctx context.Context, err error) error {
	if p.kept && (ctx.Err() != nil || isLost(err)) {
		return &ResumableError{Err: err}
	}
	return err
}

func wireMode(mode fs.FileMode) uint32 { return uint32(mode & fs.ModePerm) }

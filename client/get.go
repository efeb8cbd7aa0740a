package client

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"ftpd/protocol"
)

// Get writes a file, or a range of it, to w: in order, block by block, each
// verified before it is written. On an error some of it may have been written.
// A failure of w is a *LocalError, damage on the way ErrIntegrity, a file that
// changes while it is sent ErrChanged.
func (c *Client) Get(ctx context.Context, path string, w io.Writer, o *GetOptions) (Result, error) {
	if o == nil {
		o = &GetOptions{}
	}
	if o.Offset < 0 || o.Length < 0 || o.Length > protocol.MaxFileSize-o.Offset {
		return Result{}, &Error{Op: "get", Path: path, Code: protocol.Invalid, Message: "the range is negative or too large"}
	}
	length := uint64(o.Length)
	if length == 0 {
		length = protocol.SizeUnknown
	}
	progress := progressOr(o.Progress)
	g := getter{
		client: c, path: path, next: uint64(o.Offset), length: length, etag: protocol.ETag(o.IfMatch),
		begin: func(_ Info, size int64) (io.Writer, error) {
			progress.Expect(1, size)
			return w, nil
		},
		moved: progress.Moved,
	}
	result, err := g.run(ctx)
	if g.w != nil {
		progress.Done(1)
	}
	return result, err
}

// getter is a GET, in as many requests as it takes: one, unless its writer
// was so slow that others went first, or the connection was lost.
type getter struct {
	client *Client
	path   string
	next   uint64                                         // offset of the next byte
	length uint64                                         // that remains, or protocol.SizeUnknown
	etag   protocol.ETag                                  // what the file must be; 0 is any
	begin  func(info Info, size int64) (io.Writer, error) // called once, with how many bytes will come
	moved  func(int64)
	wrote  func(digest protocol.Digest, n int) // called for each block that was written; may be nil

	now      bool  // fail with errNoSlot where no more requests may be in flight
	damaged  int   // how often the next block has come damaged
	repaired int64 // blocks that came damaged and were fetched again

	w    io.Writer // nil until begin was called
	end  uint64    // of the range, once w is there
	info Info
	tree protocol.Tree // over all that was written
}

func (g *getter) run(ctx context.Context) (Result, error) {
	begun := time.Now()
	err := g.request(ctx, g.left)
	if err == nil && g.next < g.end {
		err = g.spread(ctx)
	}
	if err != nil {
		return Result{}, err
	}
	return g.result(begun), nil
}

// result tells of a GET that has ended well.
func (g *getter) result(begun time.Time) Result {
	return Result{
		Path: g.path, Size: int64(g.tree.Size()), Repaired: g.repaired, Mtime: g.info.Mtime, Mode: g.info.Mode,
		ETag: g.info.ETag, Digest: g.tree.Sum(), Duration: time.Since(begun),
	}
}

// request gets what comes next, so many bytes as left says each time that a
// request is made.
func (g *getter) request(ctx context.Context, left func() uint64) error {
	return g.client.attempt(ctx, "get", g.path, func(conn *conn) (bool, error) {
		err := errSetAside
		for errors.Is(err, errSetAside) {
			p := g.part()
			if err = p.ask(ctx, conn, g.next, left()); err == nil {
				err = p.take(ctx)
			}
		}
		return g.w == nil || g.etag != 0, err
	})
}

// left returns how much the first request asks for, and those that follow it where
// it was not answered to its end: all, or the first piece.
func (g *getter) left() uint64 {
	most := g.length
	if g.w != nil {
		most = g.end - g.next
	}
	if len(g.client.lines) > 1 {
		return min(most, pieceEnd(g.next)-g.next)
	}
	return most
}

func (g *getter) part() *part {
	return &part{g: g, request: request{op: "get", path: g.path, replies: &getReplies, now: g.now}}
}

// part is one request of a GET.
type part struct {
	request
	g       *getter
	from    uint64
	length  uint64        // what was asked for, or protocol.SizeUnknown
	until   uint64        // where it ends, once META has come
	tree    protocol.Tree // over what this request brought
	started bool          // META has come
}

// ask makes the request; take has to follow.
func (p *part) ask(ctx context.Context, c *conn, from, length uint64) error {
	g := p.g
	p.from, p.length = from, length
	m := protocol.Get{Path: g.path, Offset: from, Length: length, ETag: g.etag}
	if g.w != nil && g.etag == 0 {
		return p.errorf(protocol.Changed, "the server gave no etag to go on with")
	}
	if g.etag != 0 {
		m.Flags = protocol.GetIfMatch
	}
	if err := c.begin(ctx, &p.request); err != nil {
		return err
	}
	c.sender.message(p.id, m)
	return nil
}

// take handles the replies, to the last.
func (p *part) take(ctx context.Context) error {
	defer p.abandon() // also when the writer panics
	for {
		a, err := p.next(ctx)
		if err != nil {
			return err
		}
		if over, err := p.reply(ctx, a); over || err != nil {
			return err
		}
	}
}

// reply handles one reply, and reports whether it was the last.
func (p *part) reply(ctx context.Context, a arrival) (over bool, err error) {
	switch {
	case a.opcode == protocol.OpMeta && !p.started:
		p.started = true
		return false, p.head(a)
	case a.opcode == protocol.OpData && p.started:
		err := p.data(ctx, a)
		a.buffer.free()
		return false, err
	case a.opcode == protocol.OpEnd && p.started:
		return true, p.tail(a)
	}
	a.buffer.free()
	return false, p.errorf(protocol.Protocol, "the server sent %s out of turn", a.opcode)
}

// head takes META. A later request of the same GET must find the same file.
func (p *part) head(a arrival) error {
	m, err := decode[protocol.Meta](&p.request, a)
	if err != nil {
		return err
	}
	g := p.g
	switch {
	case m.Kind != protocol.File:
		return p.errorf(protocol.Protocol, "the server sent a %s", Kind(m.Kind))
	case g.etag != 0 && m.ETag != g.etag:
		return p.errorf(protocol.Changed, "the server sent another version than was asked for")
	case g.w != nil:
		p.until = p.from + p.length
		return nil
	}
	g.info = infoOf(&m)
	g.etag = m.ETag
	g.end = max(g.next, m.Size) // past the end of the file is an empty range
	if g.length != protocol.SizeUnknown {
		g.end = min(g.end, g.next+g.length)
	}
	if p.until = g.end; p.length != protocol.SizeUnknown {
		p.until = min(g.end, p.from+p.length)
	}
	g.w, err = g.begin(g.info, int64(g.end-g.next))
	return err
}

// data takes a block, which has to be the next one, verifies and writes it.
func (p *part) data(ctx context.Context, a arrival) error {
	m, err := decode[protocol.Data](&p.request, a)
	if err != nil {
		return err
	}
	g := p.g
	if m.Offset != g.next || uint64(len(m.Bytes)) != protocol.BlockEnd(g.next, p.until)-g.next {
		return p.errorf(protocol.Protocol, "the server sent %d bytes at %d, where %d was next and %d is the end",
			len(m.Bytes), m.Offset, g.next, p.until)
	}
	if !m.Verify() {
		again := m // a copy, so that the block of every other frame costs no allocation
		if err := p.fetchAgain(ctx, &again); err != nil {
			return err
		}
		m = again
	}
	if n, err := g.w.Write(m.Bytes); err != nil {
		return writeError(g.w, err)
	} else if n < len(m.Bytes) {
		return writeError(g.w, io.ErrShortWrite)
	}
	g.next += uint64(len(m.Bytes))
	if g.wrote != nil {
		g.wrote(m.Digest, len(m.Bytes))
	}
	g.tree.Add(m.Digest, len(m.Bytes))
	p.tree.Add(m.Digest, len(m.Bytes))
	g.client.advanced()
	g.moved(int64(len(m.Bytes)))
	return nil
}

// tail takes END.
func (p *part) tail(a arrival) error {
	m, err := decode[protocol.End](&p.request, a)
	if err != nil {
		return err
	}
	g := p.g
	switch {
	case m.Algorithm != protocol.XXH3Tree:
		return p.broken(fmt.Errorf("END of a GET has a digest by the algorithm %d", m.Algorithm))
	case g.next != p.until:
		return p.errorf(protocol.Integrity, "the file ended at %d and not at %d", g.next, p.until)
	case m.Size != p.tree.Size() || m.Digest != p.tree.Sum():
		return p.errorf(protocol.Integrity, "the digest of the file is not that of its blocks")
	case m.ETag != g.etag:
		return p.errorf(protocol.Changed, "the file changed while it was sent")
	}
	return nil
}

// writeError makes a LocalError of a writer's failure; one that is local
// already stays as it is.
func writeError(w io.Writer, err error) error {
	if _, ok := errors.AsType[*LocalError](err); ok {
		return err
	}
	return localError("write", nameOf(w), err)
}

// nameOf returns the name of a file, or nothing.
func nameOf(v any) string {
	if named, ok := v.(interface{ Name() string }); ok {
		return named.Name()
	}
	return ""
}

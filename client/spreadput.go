package client

import (
	"context"
	"errors"
	"sync"

	"ftpd/protocol"
)

// sentAhead is how many pieces of a PUT may wait for their answer on each connection,
// and how many for each may be behind the first that has none: so much is sent again at
// most where the PUT is cut off.
const sentAhead = 4

// spreadPut sends the blocks of a PUT in pieces over several connections, a goroutine
// each. Pieces are begun in order; one that a connection was lost with goes over
// another.
type spreadPut struct {
	u       *upload
	size    int64
	window  int64              // bytes that may be begun behind first
	changed chan struct{}      // holds a token when there is news for run
	senders map[*conn]struct{} // that were started; run's alone
	running sync.WaitGroup

	mu      sync.Mutex
	some    sync.Cond // news for the senders
	next    int64     // all before it was begun
	first   int64     // all before it is stored
	stored  map[int64]*joinPiece
	again   []*joinPiece // to be sent once more
	live    int          // senders
	over    bool         // no piece is begun any more
	err     error        // why
	repairs int64        // pieces that came damaged
}

// joinPiece is a piece of a PUT.
type joinPiece struct {
	from, end int64
	damaged   int // how often
}

// spread sends all from an offset on.
func (u *upload) spread(ctx context.Context, offset int64) error {
	p := u.put
	p.drop()
	s := &spreadPut{
		u: u, size: p.source.size, window: sentAhead * pieceSize * int64(len(p.client.lines)), changed: make(chan struct{}, 1),
		senders: map[*conn]struct{}{}, next: offset, first: offset, stored: map[int64]*joinPiece{},
	}
	s.some.L = &s.mu
	if p.digests == nil {
		p.digests = make([]protocol.Digest, (s.size+protocol.BlockSize-1)/protocol.BlockSize)
	}
	p.kept = p.kept || offset < s.size
	within, cancel := context.WithCancel(ctx)
	err := s.run(within)
	cancel()
	s.end()
	s.running.Wait()
	p.repaired += s.repairs
	if err != nil {
		return err
	}
	return u.whole()
}

// whole makes the digests of a file that was sent in pieces, if it is the same still.
func (u *upload) whole() error {
	p := u.put
	size := uint64(p.source.size)
	if err := p.source.skip(p.source.size); err != nil {
		return err
	}
	if err := p.source.unchanged(); err != nil {
		return err
	}
	p.tree = protocol.Tree{}
	known := true
	for i, digest := range p.digests {
		at := uint64(i) * protocol.BlockSize
		n := int(protocol.BlockEnd(at, size) - at)
		if at >= u.from {
			u.tree.Add(digest, n)
		}
		if known = known && digest != (protocol.Digest{}); known {
			p.tree.Add(digest, n)
		}
	}
	return nil
}

// run has the pieces sent, and returns once all are stored.
func (s *spreadPut) run(ctx context.Context) error {
	u := s.u
	for {
		s.widen(ctx)
		over, err := s.progress()
		if over || err != nil {
			return err
		}
		select {
		case <-s.changed:
		case <-u.inbox.some:
			if a, came, err := u.poll(); err != nil {
				return err
			} else if came {
				return u.errorf(protocol.Protocol, "the server sent %s before all was sent", a.opcode)
			}
		case <-ctx.Done():
			return u.wrap(ctx.Err())
		case <-u.conn.dead:
			return u.wrap(u.conn.cause())
		}
	}
}

// widen starts a sender on each connection that has none.
func (s *spreadPut) widen(ctx context.Context) {
	s.start(ctx, s.u.conn, nil)
	c := s.u.put.client
	if s.size-s.u.put.told > pieceSize {
		c.widen()
	}
	for _, l := range c.lines {
		if conn := l.usable(); conn != nil {
			s.start(ctx, conn, l)
		}
	}
}

func (s *spreadPut) start(ctx context.Context, conn *conn, l *line) {
	if _, was := s.senders[conn]; was {
		return
	}
	s.senders[conn] = struct{}{}
	s.mu.Lock()
	s.live++
	s.mu.Unlock()
	if l != nil {
		l.users.Add(1)
	}
	s.running.Go(func() {
		(&joinSender{s: s, conn: conn}).run(ctx)
		if l != nil {
			l.users.Add(-1)
		}
		s.mu.Lock()
		s.live--
		s.mu.Unlock()
		signal(s.changed)
	})
}

// progress tells of what is stored, and whether that is all.
func (s *spreadPut) progress() (over bool, err error) {
	s.mu.Lock()
	first, ended, err := s.first, s.over || s.live == 0, s.err
	s.mu.Unlock()
	p := s.u.put
	if more := first - p.told; more > 0 {
		p.progress.Moved(more)
		p.told = first
		p.client.advanced()
	}
	switch {
	case first == s.size:
		return true, nil
	case ended:
		return false, err
	}
	return false, nil
}

// end lets the senders go.
func (s *spreadPut) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	s.some.Broadcast()
}

// take returns a piece to send. It returns none where there is none now; with wait,
// only where there never will be.
func (s *spreadPut) take(wait bool) *joinPiece {
	s.mu.Lock()
	defer s.mu.Unlock()
	for !s.over && s.first < s.size {
		if len(s.again) > 0 {
			p := s.again[0]
			s.again = s.again[1:]
			return p
		}
		if s.next < s.size && s.next < s.first+s.window {
			p := &joinPiece{from: s.next, end: min(s.size, int64(pieceEnd(uint64(s.next))))}
			s.next = p.end
			return p
		}
		if !wait {
			return nil
		}
		s.some.Wait()
	}
	return nil
}

// done notes that a piece is stored.
func (s *spreadPut) done(p *joinPiece) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.stored[p.from] = p
	for p = s.stored[s.first]; p != nil; p = s.stored[s.first] {
		delete(s.stored, p.from)
		s.first = p.end
	}
	s.some.Broadcast()
	signal(s.changed)
}

// back has a piece sent once more, by whoever is free. err is why, unless another
// piece has told.
func (s *spreadPut) back(p *joinPiece, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.again = append(s.again, p)
	if err != nil {
		s.err = err
	}
	s.some.Broadcast()
}

// fail ends all.
func (s *spreadPut) fail(err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.over {
		s.over, s.err = true, err
	}
	s.some.Broadcast()
	signal(s.changed)
}

// joinSender sends pieces over one connection.
type joinSender struct {
	s    *spreadPut
	conn *conn
	out  []*joinRequest // that are not answered, in order
}

// joinRequest is a request that brings a piece.
type joinRequest struct {
	request
	*joinPiece
	tree protocol.Tree
}

// run sends pieces until there are none, or the connection takes none.
func (c *joinSender) run(ctx context.Context) {
	for ok := true; ok; {
		piece := c.s.take(len(c.out) == 0)
		switch {
		case piece != nil:
			j := &joinRequest{request: request{op: "put", path: c.s.u.path, replies: &joinReplies, sending: true}, joinPiece: piece}
			if err := c.send(ctx, j); err != nil {
				ok = c.failed(ctx, j, err)
			} else {
				c.out = append(c.out, j)
			}
		case len(c.out) == 0:
			return
		}
		if ok && len(c.out) > 0 && (piece == nil || len(c.out) == sentAhead) {
			ok = c.answer(ctx)
		}
	}
	for _, j := range c.out {
		j.abandon()
		c.s.back(j.joinPiece, nil)
	}
}

// send sends a piece.
func (c *joinSender) send(ctx context.Context, j *joinRequest) (err error) {
	if err := c.conn.begin(ctx, &j.request); err != nil {
		return err
	}
	defer func() {
		if err != nil {
			j.abandon()
		}
	}()
	p := c.s.u.put
	m := protocol.Put{
		Flags: protocol.PutEager | protocol.PutJoin, Size: p.message.Size, Mtime: protocol.NoTime,
		Source: p.message.Source, Version: p.message.Version, Path: p.path,
	}
	c.conn.sender.message(j.id, m)
	for at := j.from; at < j.end; {
		if _, _, err := j.poll(); err != nil { // ERROR, and nothing else
			return err
		}
		n := int(protocol.BlockEnd(uint64(at), uint64(j.end))) - int(at)
		b := getBuffer(protocol.BlockBuffer)
		frame := b.b[:protocol.DataOverhead+n]
		if err := p.source.readAgain(frame[protocol.DataOverhead:], at); err != nil {
			b.free()
			return err
		}
		digest := protocol.BlockDigest(frame[protocol.DataOverhead:])
		protocol.PutDataHeader(frame, j.id, uint64(at), digest, n)
		if err := j.data(ctx, frame, b); err != nil {
			return err
		}
		p.digests[at/protocol.BlockSize] = digest // no other sender has this piece
		j.tree.Add(digest, n)
		at += int64(n)
	}
	j.patient.Store(true)
	c.conn.sender.message(j.id, protocol.End{Size: j.tree.Size(), Algorithm: protocol.XXH3Tree, Digest: j.tree.Sum()})
	c.conn.sent(&j.request)
	return nil
}

// answer waits for the answer to the first piece, and reports whether the connection
// takes more.
func (c *joinSender) answer(ctx context.Context) bool {
	j := c.out[0]
	c.out = c.out[1:]
	a, err := j.next(ctx)
	var ok protocol.OK
	if err == nil {
		ok, err = decode[protocol.OK](&j.request, a)
	}
	if err == nil && ok.Count != j.tree.Size() {
		err = j.errorf(protocol.Protocol, "the server stored %d bytes of a piece of %d", ok.Count, j.tree.Size())
	}
	if err != nil {
		return c.failed(ctx, j, err)
	}
	c.s.done(j.joinPiece)
	return true
}

// failed decides what becomes of a piece that was not stored, and reports whether the
// connection takes more.
func (c *joinSender) failed(ctx context.Context, j *joinRequest, err error) bool {
	said, answered := errors.AsType[*Error](err)
	switch {
	case ctx.Err() != nil:
	case isLost(err) || passes(err) || errors.Is(err, ErrShuttingDown):
		c.s.back(j.joinPiece, err)
	case answered && said.Code == protocol.NotFound && c.conn != c.s.u.conn:
		// It may be another server by now, which has not heard of the PUT.
		c.s.back(j.joinPiece, err)
	case answered && said.Code == protocol.Integrity && j.damaged < mostDamaged-1:
		c.s.mu.Lock()
		j.damaged++
		c.s.repairs++
		c.s.mu.Unlock()
		c.s.back(j.joinPiece, err)
		return true
	default:
		c.s.fail(err)
	}
	return false
}

package client

import (
	"context"
	"errors"

	"ftpd/protocol"
)

const (
	// pieceSize is what one request asks for where a file comes over several
	// connections, in bytes. Its blocks fit into what a connection holds for a
	// slow reader (limits.getAhead), so one that comes too early holds nothing up.
	pieceSize = 8 * protocol.BlockSize
	// piecesAhead is how many are asked for at once over each connection.
	piecesAhead = 8
)

// pieceEnd returns where a piece ends that begins at an offset: at the end of a
// block, so that the blocks are those of the whole.
func pieceEnd(offset uint64) uint64 {
	return offset - offset%protocol.BlockSize + pieceSize
}

// spread gets a range over several connections. Pieces are asked for ahead, over
// each in turn, and taken in order: so the writer sees one stream, a part file
// and its journal grow as over one connection, and what came too early waits in
// its inbox.
type spread struct {
	g     *getter
	asked uint64  // all before it is asked for
	ahead []early // in order
	turn  int     // the line that is asked next
}

// early is a part that was asked for over a line before its turn.
type early struct {
	*part
	line *line
}

// spread gets what is left of the range.
func (g *getter) spread(ctx context.Context) error {
	s := &spread{g: g, asked: g.next}
	defer s.abandon()
	for g.next < g.end {
		s.ask(ctx)
		end := min(g.end, pieceEnd(g.next))
		err := errSetAside // no connection took it
		if len(s.ahead) > 0 {
			end, err = s.take(ctx)
		}
		if errors.Is(err, errSetAside) || err != nil && g.client.options.Retries > 0 && passes(err) {
			err = g.request(ctx, func() uint64 { return end - g.next }) // what it lacks
		}
		if err != nil {
			return err
		}
		s.asked = max(s.asked, g.next)
	}
	return nil
}

// ask asks for as many pieces as may be ahead. Where it cannot, taking the next one
// tells why.
func (s *spread) ask(ctx context.Context) {
	s.g.client.widen()
	for s.asked < s.g.end {
		l, conn, most := s.next()
		if len(s.ahead) >= most {
			return
		}
		end := min(s.g.end, pieceEnd(s.asked))
		p := early{s.g.part(), l}
		if p.part.ask(ctx, conn, s.asked, end-s.asked) != nil {
			return
		}
		l.users.Add(1)
		s.asked = end
		s.ahead = append(s.ahead, p)
	}
}

// next returns the line whose turn it is, and how many pieces may be ahead: none
// where no line has a connection.
func (s *spread) next() (next *line, conn *conn, most int) {
	lines := s.g.client.lines
	first := s.turn + 1
	for i := range lines {
		turn := (first + i) % len(lines)
		c := lines[turn].usable()
		if c == nil {
			continue
		}
		if next == nil {
			next, conn, s.turn = lines[turn], c, turn
		}
		most += piecesAhead
	}
	return next, conn, most
}

// take takes the first piece, and returns where it ends.
func (s *spread) take(ctx context.Context) (end uint64, err error) {
	p := s.ahead[0]
	s.ahead = s.ahead[1:]
	defer p.line.users.Add(-1)
	return p.from + p.length, p.part.take(ctx)
}

// abandon ends what was asked for and will not be taken.
func (s *spread) abandon() {
	for _, p := range s.ahead {
		p.abandon()
		p.line.users.Add(-1)
	}
}

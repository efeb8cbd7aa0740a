package session

import (
	"ftpd/protocol"
	"ftpd/server/reactor"
	"ftpd/server/storage"
)

// getPhase is how far a GET is.
//
//	opening -> sending -> ending -> over
//	   \_________\__________\_______/   an error or CANCEL
type getPhase uint8

const (
	getOpening getPhase = iota // the file is opened, and sent if it is small
	getSending                 // pieces are read ahead and sent in order
	getEnding                  // all are sent; is the file still what it was?
	getOver                    // the final reply is queued; jobs may be out
)

// get is a GET in flight.
type get struct {
	entry
	request protocol.Get
	path    storage.Path
	phase   getPhase
	lined   bool         // in opener.waiting
	file    storage.File // once opened; nil again when its closing is a job's
	etag    uint64
	size    uint64 // of the file
	begun   bool   // the first piece is being read
	next    uint64 // offset of the piece to read next
	end     uint64 // where the range ends
	tree    protocol.Tree
	pieces  []*readPiece // being read or waiting for an earlier one, in order
	spare   []*readPiece // that were sent, to be used again
	jobs    int          // out on the pool
}

func (s *Session) get(id uint32, m protocol.Get) error {
	if err := s.admit(id); err != nil {
		return err
	}
	g := &get{entry: entry{id: id, op: protocol.OpGet, path: m.Path, started: s.now}, request: m}
	path, err := s.begin(g.entry, m.Flags, g)
	if err != nil {
		s.fail(g.entry, err)
		return nil
	}
	g.path = path
	s.opener.add(s, g)
	return nil
}

func (g *get) waits() bool { return false }

func (g *get) cancel(s *Session) { g.fail(s, errCancelled) }

func (g *get) wants() int {
	if g.phase == getSending && g.next < g.end {
		return protocol.BlockSize + protocol.DataOverhead
	}
	return 0
}

func (g *get) produce(s *Session, buffer *reactor.Buffer) {
	g.jobs++
	piece := takeSpare(&g.spare)
	*piece = readPiece{get: g, file: g.file, buffer: buffer, offset: g.next, end: protocol.BlockEnd(g.next, g.end)}
	piece.trust = trustIn(piece.offset, piece.end, g.size, !g.begun)
	g.begun = true
	g.next = piece.end
	g.pieces = append(g.pieces, piece)
	s.offload(reactor.Transfer, piece)
}

// fail ends the request; jobs that are out come back to nothing.
func (g *get) fail(s *Session, err error) {
	if g.phase != getOver {
		s.fail(g.entry, err)
		g.over(s)
	}
}

func (g *get) succeed(s *Session) {
	s.succeed(g.entry)
	g.over(s)
}

// over lets go of the file once no job reads it.
func (g *get) over(s *Session) {
	s.opener.drop(g)
	g.phase = getOver
	s.dequeue(g)
	if g.jobs == 0 && g.file != nil {
		s.offload(reactor.Quick, &closeFile{g.file})
		g.file = nil
	}
}

// readPiece reads one piece of a file into a DATA frame.
type readPiece struct {
	get         *get
	file        storage.File
	buffer      *reactor.Buffer
	offset, end uint64
	trust       trust

	digest protocol.Digest
	ready  bool
	err    error
}

func (j *readPiece) size() int { return int(j.end - j.offset) }

// Run is part of reactor.Job.
func (j *readPiece) Run() {
	j.digest, j.err = readBlock(j.file, j.buffer.Bytes, j.get.id, j.offset, j.size(), j.trust)
}

// finish is part of job. Pieces may come back in any order; they leave in
// theirs.
func (j *readPiece) finish(s *Session) {
	g := j.get
	g.jobs--
	j.ready = true
	for len(g.pieces) > 0 && g.pieces[0].ready {
		first := g.pieces[0]
		g.pieces = append(g.pieces[:0], g.pieces[1:]...)
		if first.err != nil {
			g.fail(s, first.err)
		}
		if g.phase == getOver {
			s.unused(first.buffer)
			continue
		}
		g.tree.Add(first.digest, first.size())
		g.bytes = g.tree.Size()
		s.send(first.buffer, protocol.DataOverhead+first.size())
		g.spare = append(g.spare, first)
	}
	switch {
	case g.phase == getOver:
		g.over(s)
	case g.next == g.end && len(g.pieces) == 0:
		g.phase = getEnding
		g.jobs++
		s.offload(reactor.Quick, &endFile{get: g, file: g.file})
	}
}

// endFile closes the file of a GET after a last look at it.
type endFile struct {
	get  *get
	file storage.File
	err  error
}

// Run is part of reactor.Job.
func (j *endFile) Run() {
	j.err = unchanged(j.file, j.get.etag)
	_ = j.file.Close() // it was only read
}

// finish is part of job.
func (j *endFile) finish(s *Session) {
	g := j.get
	g.jobs--
	g.file = nil
	switch {
	case g.phase == getOver:
	case j.err != nil:
		g.fail(s, j.err)
	default:
		reply(s, g.id, endOf(&g.tree, g.etag))
		g.succeed(s)
	}
}

// closeFile closes a file that nobody reads any more.
type closeFile struct{ file storage.File }

// Run is part of reactor.Job.
func (j *closeFile) Run() { _ = j.file.Close() } // it was only read

// finish is part of job.
func (*closeFile) finish(*Session) {}

package session

import (
	"errors"
	"io/fs"
	"time"

	"ftpd/protocol"
	"ftpd/server/reactor"
	"ftpd/server/storage"
)

// putPhase is how far a PUT is.
//
//	opening -> receiving -> committing -> over
//	    \__________\____________\_______> over, or discarding and then over
//	                       an error, or CANCEL
type putPhase uint8

const (
	putOpening    putPhase = iota // the staging file is being made
	putReceiving                  // DATA is written to it, until END
	putCommitting                 // all is there: sync and rename
	putDiscarding                 // failed: what is staged is removed, and the client's END is to come
	putOver                       // the number is free; jobs may be out
)

// put is a PUT in flight.
type put struct {
	entry
	request protocol.Put
	path    storage.Path
	phase   putPhase
	ended   bool // the client has sent END or CANCEL
	staging storage.Staging
	spread  *gather        // its blocks come by JOIN; else nil
	joined  storage.Joined // what a JOIN writes to
	first   uint64         // where in the file the blocks of a JOIN begin
	inline  bool           // stored by a single job once END is here
	parked  int            // bytes of buffers that wait for that END
	tree    protocol.Tree  // over what has arrived
	waiting []block        // arrived, but not yet given to a job
	lacking lacks          // came damaged
	spare   []*writeBlock  // that were written, to be used again
	jobs    int            // out on the pool
	failure error          // why it failed, until that is answered
	keeps   bool           // the account may not replace a file
	keep    bool           // what is staged can be gone on with, and is not removed
	staged  bool           // counted in Session.staging
	inLine  bool           // waits to be
}

func (s *Session) put(id uint32, m protocol.Put) error {
	if err := s.admit(id); err != nil {
		return err
	}
	p := &put{entry: entry{id: id, op: protocol.OpPut, path: m.Path, started: s.now}, request: m}
	path, err := s.begin(p.entry, m.Flags, p)
	if err != nil {
		p.fail(s, err)
		return nil
	}
	p.path = path
	p.keeps = !s.account.Allow.Has(Delete)
	if m.Flags&protocol.PutJoin != 0 {
		p.join(s)
		return nil
	}
	if m.Flags&protocol.PutEager != 0 && m.Size <= inlineMax {
		p.inline = true
		p.phase = putReceiving
		return nil
	}
	p.stage(s)
	return nil
}

// stage has the staging file made.
func (p *put) stage(s *Session) {
	p.phase = putOpening
	if !p.mayStage(s) {
		return
	}
	p.jobs++
	// It may wait for an earlier one of its source to end.
	s.offload(reactor.Commit, &createFile{put: p, storage: s.account.Storage})
}

// maxParked bounds the bytes that wait in memory for END; what comes above it
// is staged, for END may never come.
const maxParked = 256 << 10

// park keeps a block of a small file until END is here.
func (p *put) park(s *Session, b block) {
	p.waiting = append(p.waiting, b)
	p.parked += len(b.buffer.Bytes)
	if s.parked == 0 {
		s.parkedSince = s.now
	}
	s.parked += len(b.buffer.Bytes)
	if s.above(s.parked, maxParked) {
		p.unpark(s)
		p.inline = false
		p.stage(s)
	}
}

// unpark tells that the blocks of a small file wait no longer.
func (p *put) unpark(s *Session) {
	s.parked -= p.parked
	s.parkedSince = s.now
	p.parked = 0
}

func (p *put) waits() bool { return (!p.ended || p.lacking.owed() > 0) && p.jobs == 0 && !p.inLine }

// cancel is part of request. A commit cannot be called back: its reply tells
// how it ended.
func (p *put) cancel(s *Session) {
	p.ended = true
	p.lacking = nil
	switch p.phase {
	case putOpening, putReceiving:
		p.fail(s, errCancelled)
	case putDiscarding:
		p.discarded(s)
	case putCommitting, putOver:
	}
}

// data takes a block that has arrived.
func (p *put) data(s *Session, b block) {
	s.holding += len(b.buffer.Bytes)
	if p.dataAgain(s, b) {
		return
	}
	if p.joins() && p.tree.Size() == 0 {
		p.first = b.Offset
	}
	err := p.check(b.Data)
	if p.ended { // only what was asked for again comes behind END
		err = protocol.Errorf(protocol.Invalid, "DATA came after END")
	}
	if err != nil {
		p.drop(s, b)
		p.fail(s, err)
		return
	}
	p.tree.Add(b.Digest, len(b.Bytes))
	switch {
	case p.inline:
		p.park(s, b)
	case p.phase == putOpening:
		p.waiting = append(p.waiting, b)
	default:
		p.write(s, b)
	}
}

// check tells whether a block is the next one.
func (p *put) check(data protocol.Data) error {
	have, n := p.first+p.tree.Size(), uint64(len(data.Bytes))
	switch {
	case p.spread != nil:
		return protocol.Errorf(protocol.Invalid, "DATA came of a PUT whose blocks come by JOIN")
	case p.joins():
		return p.checkJoin(data)
	case p.phase == putOpening && p.request.Flags&protocol.PutEager == 0:
		return protocol.Errorf(protocol.Invalid, "DATA came before READY")
	case data.Offset != have:
		return protocol.Errorf(protocol.Invalid, "DATA came at %d where %d was next", data.Offset, have)
	case have%protocol.BlockSize != 0:
		return protocol.Errorf(protocol.Invalid, "DATA came after a block that was not full")
	case n > protocol.MaxFileSize-have:
		return protocol.Errorf(protocol.TooLarge, "the file is larger than a file can be")
	case p.request.Size == protocol.SizeUnknown:
		return nil
	case have+n > p.request.Size:
		return protocol.Errorf(protocol.Invalid, "more DATA came than the %d bytes announced", p.request.Size)
	}
	return nil
}

// drop gives back the buffer of a block.
func (p *put) drop(s *Session, b block) {
	s.holding -= len(b.buffer.Bytes)
	s.link.Release(b.buffer)
}

func (p *put) write(s *Session, b block) {
	p.jobs++
	write := takeSpare(&p.spare)
	*write = writeBlock{put: p, staging: p.staging, joined: p.joined, block: b}
	s.offload(reactor.Transfer, write)
}

// end takes the END of a PUT.
func (s *Session) end(id uint32, m protocol.End) error {
	p, ok := s.find(id).(*put)
	switch {
	case !ok || p.ended:
		return violation("END for request %d, which takes none", id)
	case m.Algorithm != protocol.XXH3Tree:
		return violation("END of a PUT has a digest by the algorithm %d", m.Algorithm)
	}
	p.ended = true
	if p.phase == putDiscarding {
		p.discarded(s)
		return nil
	}
	if err := p.checkEnd(m); err != nil {
		p.fail(s, err)
		return nil
	}
	p.advance(s)
	return nil
}

func (p *put) checkEnd(m protocol.End) error {
	have := p.tree.Size()
	switch {
	case p.spread != nil: // the digests are where the blocks are
		p.spread.end = m
		return nil
	case !p.joins() && p.request.Size != protocol.SizeUnknown && have != p.request.Size:
		return protocol.Errorf(protocol.Invalid, "END came after %d of %d bytes", have, p.request.Size)
	case m.Size != have:
		return protocol.Errorf(protocol.Invalid, "END tells of %d bytes, but %d came", m.Size, have)
	case m.Digest != p.tree.Sum():
		return &protocol.RequestError{Code: protocol.Integrity, Retry: true, Message: "the file's digest is not that of its blocks"}
	}
	return nil
}

// advance commits once everything has arrived and is written.
func (p *put) advance(s *Session) {
	if !p.ended || p.jobs > 0 || len(p.lacking) > 0 || p.phase != putReceiving {
		return
	}
	if p.joins() {
		p.joinedAll(s)
		return
	}
	p.unpark(s)
	p.phase = putCommitting
	p.jobs++
	if p.inline {
		s.storer.add(p)
		return
	}
	s.offload(reactor.Commit, &commitFile{put: p, staging: p.staging})
}

// fail ends a put that cannot be finished. What it holds is let go first, and
// then it is answered: who reads ERROR no_space finds the space that it took free
// again. The number stays taken until the client has ended its side too, so that
// DATA under way cannot be mistaken for another request's.
func (p *put) fail(s *Session, err error) {
	if p.phase >= putDiscarding {
		return
	}
	p.leaveLine(s)
	p.bytes = p.tree.Size()
	p.phase = putDiscarding
	p.failure = err
	if p.keeps && errors.Is(err, fs.ErrExist) && p.request.Flags&protocol.PutCreateOnly == 0 {
		p.failure = protocol.Errorf(protocol.Permission, "the path is taken, and to replace a file needs a permission that is lacking: %s", Delete)
	}
	p.keep = errors.Is(err, errCancelled) || errors.Is(err, errDamaged)
	p.letGo(s)
}

// letGo gives back what a put holds that has failed, once no job uses it.
func (p *put) letGo(s *Session) {
	p.unpark(s)
	for _, b := range p.waiting {
		p.drop(s, b)
	}
	p.waiting = nil
	switch {
	case s.state == closed:
		p.answer(s) // to nobody
	case p.jobs > 0:
		return
	case p.staging == nil:
		p.answer(s)
		return
	}
	if p.jobs == 0 && p.staging != nil {
		p.jobs++
		s.offload(reactor.Quick, &abortFile{put: p, staging: p.staging, keep: p.keep})
		p.staging = nil
	}
}

// answer tells the client why the put has failed.
func (p *put) answer(s *Session) {
	if p.failure != nil {
		s.answerError(p.entry, p.failure)
		p.failure = nil
	}
	p.discarded(s)
}

// discarded frees the number once both sides have ended.
func (p *put) discarded(s *Session) {
	if p.phase == putDiscarding && p.ended && p.lacking.owed() == 0 && p.failure == nil {
		p.phase = putOver
		s.retire(p.id)
	}
}

// createFile makes the staging file.
type createFile struct {
	put     *put
	storage storage.Storage
	staging storage.Staging
	ready   protocol.Ready
	err     error
}

// Run is part of reactor.Job.
func (j *createFile) Run() {
	if j.staging, j.err = j.put.create(j.storage); j.err != nil {
		return
	}
	digests, dropped := j.staging.Marked()
	if len(digests) > 0 {
		var tree protocol.Tree
		for _, d := range digests {
			tree.Add(protocol.Digest(d), protocol.BlockSize)
		}
		j.ready = protocol.Ready{Offset: tree.Size(), Digest: tree.Sum()}
	}
	if dropped {
		j.ready.Flags = protocol.ReadyRestarted
	}
	if j.staging.Shared() {
		j.ready.Flags |= protocol.ReadySpread
	}
}

func (p *put) create(in storage.Storage) (storage.Staging, error) {
	options, err := p.options()
	if err != nil {
		return nil, err
	}
	return in.Create(p.path, options)
}

// options are what the client asks of storage.
func (p *put) options() (storage.CreateOptions, error) {
	m := &p.request
	options := storage.CreateOptions{
		CreateOnly: p.keeps || m.Flags&protocol.PutCreateOnly != 0,
		Parents:    m.Flags&protocol.PutParents != 0,
		Size:       -1,
	}
	if m.Size != protocol.SizeUnknown {
		options.Size = int64(m.Size)
	}
	if m.Flags&protocol.PutEager == 0 {
		options.Resume = storage.Resume{Source: m.Source, Version: m.Version, Block: protocol.BlockSize}
		options.Shared = m.Flags&protocol.PutSpread != 0
	}
	if m.Flags&protocol.PutIfMatch != 0 {
		if m.ETag == 0 { // to storage it would mean any
			return options, storage.ErrChanged
		}
		options.IfMatch = uint64(m.ETag)
	}
	return options, nil
}

// attributes are what the client wants the file to have.
func (p *put) attributes() storage.Attributes {
	attributes := storage.Attributes{Mode: p.request.Mode}
	if mtime := p.request.Mtime; mtime != protocol.NoTime {
		attributes.Mtime = time.Unix(0, mtime)
	}
	return attributes
}

// finish is part of job.
func (j *createFile) finish(s *Session) {
	p := j.put
	p.jobs--
	p.staging = j.staging
	if j.err != nil {
		p.staging = nil
		p.unstaged(s)
	}
	switch {
	case p.phase != putOpening:
		p.letGo(s)
		return
	case j.err != nil:
		p.fail(s, j.err)
		return
	}
	p.phase = putReceiving
	if j.ready.Flags&protocol.ReadySpread != 0 {
		p.spread = &gather{continues: j.ready.Offset, digest: j.ready.Digest}
	}
	if p.request.Flags&protocol.PutEager == 0 {
		if j.ready.Offset > 0 {
			p.tree.Continue(j.ready.Offset, j.ready.Digest)
		}
		reply(s, p.id, j.ready)
	}
	p.writeWaiting(s)
}

// writeWaiting writes what came while the staging file was made.
func (p *put) writeWaiting(s *Session) {
	for _, b := range p.waiting {
		p.write(s, b)
	}
	p.waiting = nil
	p.advance(s)
}

// writeBlock verifies a block and writes it to the staging file.
type writeBlock struct {
	put     *put
	staging storage.Staging
	joined  storage.Joined // in place of staging
	block   block
	err     error
}

// Run is part of reactor.Job.
func (j *writeBlock) Run() {
	if j.joined != nil {
		j.err = joinBlock(j.joined, j.block.Data)
	} else {
		j.err = storeBlock(j.staging, j.block.Data)
	}
}

func storeBlock(to storage.Staging, data protocol.Data) error {
	if !data.Verify() {
		return errDamaged
	}
	_, err := to.WriteAt(data.Bytes, int64(data.Offset))
	if err == nil {
		err = to.Mark(int64(data.Offset/protocol.BlockSize), storage.Digest(data.Digest))
	}
	return err
}

// finish is part of job.
func (j *writeBlock) finish(s *Session) {
	p, err, data := j.put, j.err, j.block.Data // before j is used again
	p.jobs--
	p.drop(s, j.block)
	p.spare = append(p.spare, j)
	switch {
	case p.phase >= putDiscarding:
		p.letGo(s)
	case err == nil:
		p.verified(data.Offset)
		p.advance(s)
	case !p.askAgain(s, data, err):
		p.fail(s, err)
	}
}

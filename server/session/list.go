package session

import (
	"errors"
	"io"
	"slices"

	"ftpd/protocol"
	"ftpd/server/reactor"
	"ftpd/server/storage"
)

// list is a LIST in flight: one batch after the other, as the client takes
// them.
type list struct {
	entry
	path      storage.Path
	recursive bool
	lister    storage.Lister
	held      *storage.Entry // did not fit into the last batch
	count     uint64
	out       bool // a job is on the pool
	isOver    bool
	isOpen    bool // counted in work.listings
}

// maxListings bounds the listings of a session that are open: each may take dozens of
// descriptors and hold thousands of names. Others begin when one has ended.
const maxListings = 8

// listings are those that are open, and those that wait.
type listings struct {
	open    int
	waiting []*list
}

// begin opens the listing, or has it stand in line.
func (l *list) begin(s *Session) {
	if s.listings.open >= maxListings {
		s.listings.waiting = append(s.listings.waiting, l)
		return
	}
	l.isOpen = true
	s.listings.open++
	s.enqueue(l)
}

// end lets the next listing begin, or gives up the place in line.
func (l *list) end(s *Session) {
	if !l.isOpen {
		if i := slices.Index(s.listings.waiting, l); i >= 0 {
			s.listings.waiting = slices.Delete(s.listings.waiting, i, i+1)
		}
		return
	}
	l.isOpen = false
	s.listings.open--
	if len(s.listings.waiting) > 0 {
		next := s.listings.waiting[0]
		s.listings.waiting = s.listings.waiting[1:]
		next.begin(s)
	}
}

func (s *Session) list(id uint32, m protocol.List) error {
	if err := s.admit(id); err != nil {
		return err
	}
	l := &list{
		entry:     entry{id: id, op: protocol.OpList, path: m.Path, started: s.now},
		recursive: m.Flags&protocol.ListRecursive != 0,
	}
	path, err := s.begin(l.entry, m.Flags, l)
	if err != nil {
		s.fail(l.entry, err)
		return nil
	}
	l.path = path
	l.begin(s)
	return nil
}

func (l *list) waits() bool { return false }

func (l *list) cancel(s *Session) { l.fail(s, errCancelled) }

func (l *list) wants() int {
	if l.out || l.isOver {
		return 0
	}
	return protocol.ControlBuffer
}

func (l *list) produce(s *Session, buffer *reactor.Buffer) {
	l.out = true
	s.offload(reactor.Transfer, &listJob{list: l, storage: s.account.Storage, buffer: buffer})
}

func (l *list) fail(s *Session, err error) {
	if !l.isOver {
		s.fail(l.entry, err)
		l.over(s)
	}
}

func (l *list) over(s *Session) {
	l.isOver = true
	s.dequeue(l)
	if l.out {
		return
	}
	if l.lister != nil {
		s.offload(reactor.Quick, &closeLister{l.lister})
		l.lister = nil
	}
	l.end(s)
}

// listJob makes one ENTRIES frame.
type listJob struct {
	list    *list
	storage storage.Storage
	buffer  *reactor.Buffer
	n       int // bytes of the frame
	end     bool
	err     error
}

// Run is part of reactor.Job.
func (j *listJob) Run() {
	l := j.list
	if l.lister == nil {
		if l.lister, j.err = j.storage.List(l.path, l.recursive); j.err != nil {
			return
		}
	}
	var batch protocol.EntriesEncoder
	batch.Begin(j.buffer.Bytes[:0], l.id)
	for {
		next, err := l.next()
		if err != nil {
			j.end = errors.Is(err, io.EOF)
			if !j.end {
				j.err = err
			}
			break
		}
		wire := wireEntry(next)
		if !batch.Add(&wire) {
			l.held = &next
			break
		}
		l.count++
	}
	j.n = len(batch.Finish())
}

func (l *list) next() (storage.Entry, error) {
	if held := l.held; held != nil {
		l.held = nil
		return *held, nil
	}
	return l.lister.Next()
}

func wireEntry(e storage.Entry) protocol.Entry {
	wire := protocol.Entry{Path: e.Path, Meta: meta(e.Info)}
	if e.Err != nil {
		wire.Code = errorMessage(e.Err).Code
	}
	if wire.Kind == 0 { // it could not even be described
		wire.Kind = protocol.Special
	}
	return wire
}

// finish is part of job.
func (j *listJob) finish(s *Session) {
	l := j.list
	l.out = false
	if l.isOver || j.err != nil {
		s.unused(j.buffer)
		l.fail(s, j.err)
		l.over(s)
		return
	}
	s.send(j.buffer, j.n)
	if !j.end {
		s.enqueue(l)
		return
	}
	reply(s, l.id, protocol.OK{Count: l.count})
	s.succeed(l.entry)
	l.over(s)
}

// closeLister ends a listing that nobody reads any more.
type closeLister struct{ lister storage.Lister }

// Run is part of reactor.Job.
func (j *closeLister) Run() { _ = j.lister.Close() } // it was only read

// finish is part of job.
func (*closeLister) finish(*Session) {}

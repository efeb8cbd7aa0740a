package session

import (
	"crypto/sha256"
	"hash"

	"ftpd/protocol"
	"ftpd/server/reactor"
	"ftpd/server/storage"
)

// sumSlice bounds the bytes that one job of a SUM reads, so that a huge file
// neither holds a worker for long nor outlives a CANCEL.
const sumSlice = 16 << 20

// recallCost is what a digest that is known counts of sumSlice.
const recallCost = 4 << 10

// sum is a SUM in flight. Its jobs read one slice of the file after the other.
type sum struct {
	entry
	path   storage.Path
	file   storage.File
	etag   uint64
	size   uint64
	next   uint64        // offset of what is to be read next
	tree   protocol.Tree // with XXH3Tree
	sha256 hash.Hash     // with SHA256; else nil
	out    bool          // a job is on the pool
	isOver bool
}

func (s *Session) sum(id uint32, m protocol.Sum) error {
	if err := s.admit(id); err != nil {
		return err
	}
	u := &sum{entry: entry{id: id, op: protocol.OpSum, path: m.Path, started: s.now}}
	path, err := s.begin(u.entry, 0, u)
	switch m.Algorithm {
	case protocol.XXH3Tree:
	case protocol.SHA256:
		u.sha256 = sha256.New()
	default:
		if err == nil {
			err = protocol.Errorf(protocol.Unsupported, "this server has no digest algorithm %d", m.Algorithm)
		}
	}
	if err != nil {
		s.fail(u.entry, err)
		return nil
	}
	u.path = path
	s.enqueue(u)
	return nil
}

func (u *sum) waits() bool { return false }

func (u *sum) cancel(s *Session) { u.fail(s, errCancelled) }

func (u *sum) wants() int {
	if u.out || u.isOver {
		return 0
	}
	return protocol.BlockSize
}

func (u *sum) produce(s *Session, buffer *reactor.Buffer) {
	u.out = true
	s.offload(reactor.Slow, &sumJob{sum: u, storage: s.account.Storage, buffer: buffer})
}

func (u *sum) fail(s *Session, err error) {
	if !u.isOver {
		s.fail(u.entry, err)
		u.over(s)
	}
}

func (u *sum) over(s *Session) {
	u.isOver = true
	s.dequeue(u)
	if !u.out && u.file != nil {
		s.offload(reactor.Quick, &closeFile{u.file})
		u.file = nil
	}
}

// sumJob hashes one slice of a file.
type sumJob struct {
	sum     *sum
	storage storage.Storage
	buffer  *reactor.Buffer
	err     error
}

// Run is part of reactor.Job.
func (j *sumJob) Run() {
	u := j.sum
	if u.file == nil {
		if j.err = u.open(j.storage); j.err != nil {
			return
		}
	}
	for budget := sumSlice; budget > 0 && u.next < u.size; {
		block := j.buffer.Bytes[:protocol.BlockEnd(u.next, u.size)-u.next]
		var cost int
		if cost, j.err = u.add(block); j.err != nil {
			return
		}
		budget -= cost
		u.next += uint64(len(block))
	}
	if u.next == u.size {
		j.err = unchanged(u.file, u.etag)
	}
}

// add takes the next block into the digest. It is read into the given memory, unless
// its digest is known and enough.
func (u *sum) add(block []byte) (cost int, err error) {
	number := int64(u.next / protocol.BlockSize)
	if u.sha256 == nil {
		if digest, ok := u.file.Recall(number); ok {
			u.tree.Add(protocol.Digest(digest), len(block))
			return recallCost, nil
		}
	}
	if err := readFull(u.file, block, u.next); err != nil {
		return 0, err
	}
	if u.sha256 == nil {
		u.tree.Add(anew.digest(u.file, number, block), len(block))
	} else {
		_, _ = u.sha256.Write(block) // a Hash never fails
	}
	return len(block), nil
}

func (u *sum) end() protocol.End {
	if u.sha256 == nil {
		return endOf(&u.tree, u.etag)
	}
	end := protocol.End{Size: u.size, ETag: protocol.ETag(u.etag), Algorithm: protocol.SHA256}
	u.sha256.Sum(end.SHA256[:0])
	return end
}

func (u *sum) open(from storage.Storage) error {
	file, err := from.Open(u.path)
	if err != nil {
		return err
	}
	u.file = file
	info, err := file.Stat()
	u.etag, u.size = info.ETag, uint64(info.Size)
	return err
}

// finish is part of job.
func (j *sumJob) finish(s *Session) {
	u := j.sum
	u.out = false
	s.unused(j.buffer)
	switch {
	case u.isOver:
		u.over(s)
	case j.err != nil:
		u.fail(s, j.err)
	case u.next < u.size:
		s.enqueue(u)
	default:
		u.bytes = u.size
		reply(s, u.id, u.end())
		s.succeed(u.entry)
		u.over(s)
	}
}

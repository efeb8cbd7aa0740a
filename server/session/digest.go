package session

import (
	"errors"
	"fmt"
	"io"

	"ftpd/protocol"
	"ftpd/server/reactor"
	"ftpd/server/storage"
)

// readBlock reads n bytes of a file into a DATA frame at the start of frame
// and returns their digest.
func readBlock(file storage.File, frame []byte, id uint32, offset uint64, n int) (protocol.Digest, error) {
	bytes := frame[protocol.DataOverhead:][:n]
	if err := readFull(file, bytes, offset); err != nil {
		return protocol.Digest{}, err
	}
	digest := protocol.BlockDigest(bytes)
	protocol.PutDataHeader(frame, id, offset, digest, n)
	return digest, nil
}

// readFull fills p. A file that ends early has shrunk since it was opened.
func readFull(file storage.File, p []byte, offset uint64) error {
	n, err := file.ReadAt(p, int64(offset))
	switch {
	case n == len(p):
		return nil
	case errors.Is(err, io.EOF):
		return fmt.Errorf("the file %w: it has become shorter", storage.ErrChanged)
	}
	return err
}

// unchanged checks that a file is still the version it was.
func unchanged(file storage.File, etag uint64) error {
	info, err := file.Stat()
	if err == nil && info.ETag != etag {
		err = fmt.Errorf("the file %w: it was written to meanwhile, or given other attributes", storage.ErrChanged)
	}
	return err
}

func endOf(tree *protocol.Tree, etag uint64) protocol.End {
	return protocol.End{Size: tree.Size(), ETag: protocol.ETag(etag), Algorithm: protocol.XXH3Tree, Digest: tree.Sum()}
}

// sumSlice bounds the bytes that one job of a SUM reads, so that a huge file
// neither holds a worker for long nor outlives a CANCEL.
const sumSlice = 16 << 20

// sum is a SUM in flight. Its jobs read one slice of the file after the other.
type sum struct {
	entry
	path   storage.Path
	file   storage.File
	etag   uint64
	size   uint64
	tree   protocol.Tree
	out    bool // a job is on the pool
	isOver bool
}

func (s *Session) sum(id uint32, m protocol.Sum) error {
	if err := s.admit(id); err != nil {
		return err
	}
	u := &sum{entry: entry{id: id, op: protocol.OpSum, path: m.Path, started: s.now}}
	path, err := s.begin(id, m.Path, u)
	if err == nil && m.Algorithm != protocol.XXH3Tree {
		err = protocol.Errorf(protocol.Unsupported, "this server has no digest algorithm %d", m.Algorithm)
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
	s.offload(reactor.Slow, &sumJob{sum: u, storage: s.config.Storage, buffer: buffer})
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
	for stop := u.tree.Size() + sumSlice; u.tree.Size() < min(u.size, stop); {
		offset := u.tree.Size()
		block := j.buffer.Bytes[:protocol.BlockEnd(offset, u.size)-offset]
		if j.err = readFull(u.file, block, offset); j.err != nil {
			return
		}
		u.tree.Add(protocol.BlockDigest(block), len(block))
	}
	if u.tree.Size() == u.size {
		j.err = unchanged(u.file, u.etag)
	}
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
	case u.tree.Size() < u.size:
		s.enqueue(u)
	default:
		u.bytes = u.size
		reply(s, u.id, endOf(&u.tree, u.etag))
		s.succeed(u.entry)
		u.over(s)
	}
}

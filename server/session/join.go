package session

import (
	"ftpd/protocol"
	"ftpd/server/reactor"
	"ftpd/server/storage"
)

// joins reports that a PUT brings blocks of another one's file.
func (p *put) joins() bool { return p.request.Flags&protocol.PutJoin != 0 }

// join has the file found that the blocks are of.
func (p *put) join(s *Session) {
	if p.request.Flags&protocol.PutEager == 0 {
		p.fail(s, protocol.Errorf(protocol.Invalid, "a PUT with JOIN is without EAGER"))
		return
	}
	p.phase = putOpening
	p.jobs++
	s.offload(reactor.Quick, &joinFile{put: p, storage: s.account.Storage})
}

// joinFile finds the file of a PUT with JOIN.
type joinFile struct {
	put     *put
	storage storage.Storage
	joined  storage.Joined
	err     error
}

// Run is part of reactor.Job.
func (j *joinFile) Run() {
	m := &j.put.request
	j.joined, j.err = j.storage.Join(j.put.path, storage.CreateOptions{
		Size:   int64(m.Size), // that of a shared file is known, and so never negative
		Resume: storage.Resume{Source: m.Source, Version: m.Version, Block: protocol.BlockSize},
	})
}

// finish is part of job.
func (j *joinFile) finish(s *Session) {
	p := j.put
	p.jobs--
	switch {
	case p.phase != putOpening:
		p.letGo(s)
	case j.err != nil:
		p.fail(s, j.err)
	default:
		p.joined = j.joined
		p.phase = putReceiving
		p.writeWaiting(s)
	}
}

// checkJoin tells whether a block is a whole one of the file, and the next one.
func (p *put) checkJoin(data protocol.Data) error {
	next, n := p.first+p.tree.Size(), uint64(len(data.Bytes))
	switch {
	case data.Offset != next:
		return protocol.Errorf(protocol.Invalid, "DATA came at %d where %d was next", data.Offset, next)
	case next%protocol.BlockSize != 0 || next >= p.request.Size || n != protocol.BlockEnd(next, p.request.Size)-next:
		return protocol.Errorf(protocol.Invalid, "%d bytes of DATA at %d are no block of a file of %d", n, next, p.request.Size)
	}
	return nil
}

// joinBlock verifies a block and writes it to the file of another PUT.
func joinBlock(to storage.Joined, data protocol.Data) error {
	if !data.Verify() {
		return errDamaged
	}
	return to.WriteBlock(int64(data.Offset/protocol.BlockSize), data.Bytes, storage.Digest(data.Digest))
}

// joinedAll answers a PUT with JOIN whose blocks are all written.
func (p *put) joinedAll(s *Session) {
	p.bytes = p.tree.Size()
	p.phase = putOver
	reply(s, p.id, protocol.OK{Count: p.bytes})
	s.succeed(p.entry)
}

// gather is the end of a file whose blocks came by JOIN.
type gather struct {
	continues uint64 // READY's offset
	digest    protocol.Digest
	end       protocol.End
	tree      protocol.Tree // over all blocks
}

// check tells whether all blocks are there and have the digest that END tells.
func (g *gather) check(staging storage.Staging, size uint64) error {
	if g.end.Size != size {
		return protocol.Errorf(protocol.Invalid, "END tells of %d bytes, and not of %d", g.end.Size, size)
	}
	digests, err := staging.Gather()
	if err != nil {
		return err
	}
	if g.continues > 0 {
		g.tree.Continue(g.continues, g.digest)
	}
	for i, digest := range digests {
		if at := uint64(i) * protocol.BlockSize; at >= g.continues {
			g.tree.Add(protocol.Digest(digest), int(protocol.BlockEnd(at, size)-at))
		}
	}
	switch {
	case g.tree.Size() < size:
		return protocol.Errorf(protocol.Invalid, "END came before the block at %d", g.tree.Size())
	case g.end.Digest != g.tree.Sum():
		return &protocol.RequestError{Code: protocol.Integrity, Retry: true, Message: "the file's digest is not that of its blocks"}
	}
	return nil
}

package session

import (
	"ftpd/protocol"
	"ftpd/server/storage"
)

// commitFile puts a staged file in its place.
type commitFile struct {
	put     *put
	staging storage.Staging
	info    storage.Info
	err     error
}

// Run is part of reactor.Job.
func (j *commitFile) Run() {
	if spread := j.put.spread; spread != nil {
		if j.err = spread.check(j.staging, j.put.request.Size); j.err != nil {
			_ = j.staging.Abort() // the first error is the one to tell
			return
		}
	}
	j.info, j.err = j.staging.Commit(j.put.attributes())
}

// finish is part of job.
func (j *commitFile) finish(s *Session) {
	j.put.staging = nil // Commit has ended it, whatever came of it
	j.put.unstaged(s)
	if spread := j.put.spread; spread != nil && j.err == nil {
		j.put.tree = spread.tree
	}
	j.put.stored(s, j.info, j.err)
}

// stored ends a put that storage has done with.
func (p *put) stored(s *Session, info storage.Info, err error) {
	p.jobs--
	for _, b := range p.waiting {
		p.drop(s, b)
	}
	p.waiting = nil
	if s.state == closed {
		return
	}
	p.bytes = p.tree.Size()
	if err != nil {
		p.fail(s, err)
		return
	}
	p.phase = putOver
	reply(s, p.id, protocol.OK{Count: p.bytes, ETag: protocol.ETag(info.ETag)})
	s.succeed(p.entry)
}

// abortFile removes a staging file, or leaves it for the next PUT of its source.
type abortFile struct {
	put     *put
	staging storage.Staging
	keep    bool
}

// Run is part of reactor.Job. The sweep takes what it cannot remove.
func (j *abortFile) Run() {
	if j.keep {
		_ = j.staging.Leave()
		return
	}
	_ = j.staging.Abort()
}

// finish is part of job.
func (j *abortFile) finish(s *Session) {
	j.put.jobs--
	j.put.unstaged(s)
	j.put.letGo(s)
}

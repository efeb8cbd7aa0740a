package session

import (
	"slices"

	"ftpd/protocol"
)

// maxStaged bounds the PUTs of a session whose file is staged while their DATA is still
// to come: such a file takes up to three descriptors, of which a client that sends
// nothing could else take them all. The READY of others waits.
const maxStaged = 128

// staging counts the staged PUTs of a session.
type staging struct {
	open    int    // or being made
	waiting []*put // for one of them to end
}

// mayStage reports whether a PUT may be staged now, and counts it; otherwise it stands in
// line. One whose DATA comes at once is not kept waiting, for it holds memory.
func (p *put) mayStage(s *Session) bool {
	if p.request.Flags&protocol.PutEager == 0 && s.staging.open >= maxStaged {
		p.inLine = true
		s.staging.waiting = append(s.staging.waiting, p)
		return false
	}
	p.staged = true
	s.staging.open++
	return true
}

// unstaged tells that nothing of a PUT is staged any more, and lets the next go on.
func (p *put) unstaged(s *Session) {
	if !p.staged {
		return
	}
	p.staged = false
	s.staging.open--
	if len(s.staging.waiting) > 0 && s.staging.open < maxStaged {
		next := s.staging.waiting[0]
		s.staging.waiting = s.staging.waiting[1:]
		next.inLine = false
		next.stage(s)
	}
}

// leaveLine takes a PUT out of line that failed there.
func (p *put) leaveLine(s *Session) {
	if !p.inLine {
		return
	}
	p.inLine = false
	if i := slices.Index(s.staging.waiting, p); i >= 0 {
		s.staging.waiting = slices.Delete(s.staging.waiting, i, i+1)
	}
}

package session

import (
	"slices"
	"time"

	"ftpd/protocol"
	"ftpd/server/reactor"
)

// maxLogins bounds the logins of a server that wait to be decided. With the few that are
// decided at once and some 30 ms for a password, the last one waits about a second.
const maxLogins = 64

// line is the logins that wait to be decided. Who guesses shall not stand before who does
// not: so a login's rank is how many of its address have failed of late, and how many were
// there before it, as if those were to fail too. The least rank is decided first; where there is no
// room for one more, the highest one goes.
type line struct {
	waiting  []*loginJob // in the order in which they came
	deciding []*loginJob // on the pool
}

// lineDelay is how long who finds no place waits to hear of it: or each connection of a flood
// would ask again at once.
const lineDelay = time.Second

// errLine is what the one hears that goes.
var errLine = &protocol.RequestError{Code: protocol.Busy, Retry: true, Message: "too many logins wait already; try again later"}

// stand takes a login of an address of which so many have failed.
func (s *Session) stand(j *loginJob, failures int) {
	if gone := s.line.join(j, failures); gone != nil {
		l := gone.login
		l.failure, l.due = errLine, s.now.Add(lineDelay)
		gone.session.link.SetDeadline(l.sooner(gone.session.loginDeadline()))
	}
	s.decide()
}

// join lets one more wait, and returns the one that there is no room for, or nil.
func (l *line) join(j *loginJob, failures int) *loginJob {
	j.rank = failures + j.before(l.waiting) + j.before(l.deciding)
	l.waiting = append(l.waiting, j)
	if len(l.waiting) <= maxLogins {
		return nil
	}
	last := 0
	for i, other := range l.waiting {
		if other.rank >= l.waiting[last].rank {
			last = i
		}
	}
	return l.take(last)
}

// before counts the logins of the same address.
func (j *loginJob) before(list []*loginJob) (n int) {
	for _, other := range list {
		if reactor.SiteOf(other.attempt.Peer) == reactor.SiteOf(j.attempt.Peer) {
			n++
		}
	}
	return n
}

// decide has the gate decide as many as it does at once. Any session may call it, of
// whatever login.
func (s *Session) decide() {
	for len(s.line.deciding) < reactor.LoginWorkers && len(s.line.waiting) > 0 {
		if j := s.line.next(); !j.session.ended {
			s.line.deciding = append(s.line.deciding, j)
			j.session.offload(reactor.Login, j)
		}
	}
}

// next takes the first one of the least rank.
func (l *line) next() *loginJob {
	first := 0
	for i, j := range l.waiting {
		if j.rank < l.waiting[first].rank {
			first = i
		}
	}
	return l.take(first)
}

func (l *line) take(i int) *loginJob {
	j := l.waiting[i]
	l.waiting = slices.Delete(l.waiting, i, i+1)
	return j
}

// decided takes out a login that is back from the pool.
func (l *line) decided(j *loginJob) {
	l.deciding = slices.DeleteFunc(l.deciding, func(other *loginJob) bool { return other == j })
}

// leave takes out a login that nobody waits for any more.
func (l *line) leave(gone *login) {
	l.waiting = slices.DeleteFunc(l.waiting, func(j *loginJob) bool { return j.login == gone })
}

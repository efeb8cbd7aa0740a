package session

import (
	"bytes"
	"errors"
	"time"

	"ftpd/protocol"
	"ftpd/server/reactor"
)

// login is an AUTH in flight.
//
//	waiting -> deciding -> opening the home -> answered
//	    |          |               |__________^
//	    |          \-----> delayed ___________^
//	    \__________________^
type login struct {
	entry
	user    string
	isOver  bool      // the connection is gone
	proven  bool      // who logs in is the user; what is missing is up to us
	due     time.Time // when the failure is told; zero while it is decided
	failure error
}

func (l *login) waits() bool { return false }

// cancel is part of request. What has begun is not called back, unless nobody hears of
// it any more.
func (l *login) cancel(s *Session) {
	if s.state == closed {
		l.isOver = true
		s.line.leave(l)
	}
}

// auth takes an AUTH.
func (s *Session) auth(id uint32, m protocol.Authenticate) error {
	if err := s.admit(id); err != nil {
		return err
	}
	failures, err := s.mayLogin(m.Method)
	l := &login{entry: entry{id: id, op: protocol.OpAuth, started: s.now}, user: m.User}
	s.add(id, l)
	if err != nil {
		s.fail(l.entry, err)
		return nil
	}
	s.login = l
	exporter, _ := s.link.Exporter(protocol.LoginExporter)
	s.stand(&loginJob{session: s, login: l, gate: s.config.Gate, attempt: Attempt{
		Peer:       s.peer.Addr(),
		Now:        s.now,
		Method:     m.Method,
		User:       m.User,
		Credential: bytes.Clone(m.Credential),
		Signature:  bytes.Clone(m.Signature),
		Exporter:   exporter,
	}}, failures)
	return nil
}

// mayLogin tells whether a login may be decided at all, and how many of the same address
// have failed.
func (s *Session) mayLogin(method protocol.Method) (failures int, err error) {
	switch {
	case s.config.Gate == nil:
		return 0, protocol.Errorf(protocol.Unsupported, "this server has no users")
	case s.state == draining:
		return 0, errTakesNoMore
	case s.account != nil && s.account.Name != "":
		return 0, protocol.Errorf(protocol.Invalid, "this connection is logged in already")
	case s.requests.len() > 0:
		return 0, protocol.Errorf(protocol.Invalid, "a login takes a connection with no other request in flight")
	case method == protocol.PublicKey && !s.link.Secure():
		return 0, protocol.Errorf(protocol.Unsupported, "a login with a key is possible inside TLS only")
	case method == protocol.Password && !s.link.Secure() && !s.config.PlainPasswords:
		return 0, protocol.Errorf(protocol.Unsupported, "this server takes passwords inside TLS only")
	}
	return s.config.Gate.Admit(s.peer.Addr(), s.now)
}

// loginJob has the gate decide.
type loginJob struct {
	session *Session
	login   *login
	rank    int // in the line
	gate    Gate
	attempt Attempt
	account *Account
	err     error
}

// Run is part of reactor.Job.
func (j *loginJob) Run() {
	j.account, j.err = j.gate.Login(j.attempt)
	clear(j.attempt.Credential)
}

// finish is part of job.
func (j *loginJob) finish(s *Session) {
	s.line.decided(j)
	s.decide()
	if j.account == nil {
		j.login.fail(s, j.err)
		return
	}
	j.login.proven = true
	if !j.login.welcome(s, j.account) {
		return
	}
	if j.account.Open != nil {
		if s.state == authenticating {
			s.link.SetDeadline(s.loginDeadline())
		}
		s.offload(reactor.Home, &openJob{login: j.login, account: j.account, method: j.attempt.Method})
		return
	}
	j.login.succeed(s, j.account, j.attempt.Method)
}

// openJob opens the home of who has logged in.
type openJob struct {
	login   *login
	account *Account
	method  protocol.Method
	err     error
}

// Run is part of reactor.Job.
func (j *openJob) Run() { j.err = j.account.Open() }

// finish is part of job.
func (j *openJob) finish(s *Session) {
	if j.err != nil {
		s.giveUp(j.account)
		j.login.fail(s, j.err)
		return
	}
	if j.login.welcome(s, j.account) {
		j.login.succeed(s, j.account, j.method)
	}
}

// welcome reports whether the connection can act for the user still. Where not, the
// account is given up.
func (l *login) welcome(s *Session, account *Account) bool {
	switch {
	case s.spare && !account.Allow.Has(Admin):
		s.giveUp(account)
		l.turnAway(s)
	case l.isOver || s.ended || s.state == draining:
		s.giveUp(account)
		l.failure = errTakesNoMore
		l.tell(s)
	default:
		return true
	}
	return false
}

// fail ends a login that came to nothing.
func (l *login) fail(s *Session, err error) {
	l.failure = err
	l.delay(s)
	if l.due.IsZero() {
		l.tell(s)
	}
}

// succeed makes the connection act for the user.
func (l *login) succeed(s *Session, account *Account, method protocol.Method) {
	s.login, s.account = nil, account
	if s.spare {
		s.spare = false
		s.link.Admit()
	}
	for _, b := range account.Buckets {
		s.link.Limit(b)
	}
	reply(s, l.id, protocol.OK{})
	s.succeed(l.entry)
	s.config.Logger.Info("logged in", append(s.who(), "method", method.String())...)
	if s.state == authenticating {
		s.setState(ready)
	}
}

// delay has a failure told later, so that who guesses takes time.
func (l *login) delay(s *Session) {
	refused, ok := errors.AsType[*LoginError](l.failure)
	if !ok {
		s.config.Logger.Warn("login failed", "peer", s.peer, "user", l.user, "cause", l.failure)
		return
	}
	s.config.Logger.Warn("login failed", "peer", s.peer, "user", l.user, "cause", refused.Cause, "failures", refused.Failures)
	l.failure = refused.Answer
	if !l.isOver && refused.Delay > 0 {
		l.due = s.now.Add(refused.Delay)
		s.link.SetDeadline(l.sooner(s.loginDeadline()))
	}
}

// tell answers a login that failed.
func (l *login) tell(s *Session) {
	if l.isOver {
		return
	}
	s.login = nil
	s.fail(l.entry, l.failure)
	if s.state == authenticating {
		s.link.SetDeadline(s.loginDeadline()) // there is none while a home is opened
	}
}

// sooner returns the earlier one of a deadline, zero being never, and of the time
// when a failure is told. l may be nil.
func (l *login) sooner(t time.Time) time.Time {
	if l == nil || l.due.IsZero() || !t.IsZero() && t.Before(l.due) {
		return t
	}
	return l.due
}

// loginDeadline returns when a connection has to have logged in that must; zero is
// never. There are too few spare places for that. Who has done so may wait for the home.
func (s *Session) loginDeadline() time.Time {
	limit := s.config.LoginTimeout
	if limit == 0 && s.spare {
		limit = spareTimeout
	}
	if s.state != authenticating || limit == 0 || s.login != nil && s.login.proven {
		return zeroTime
	}
	return s.started.Add(limit)
}

// expireLogin tells a failure that is due, and ends a connection whose login did not
// come in time, whatever moves on it.
func (s *Session) expireLogin(now time.Time) {
	if l := s.login; l != nil && !l.due.IsZero() && !now.Before(l.due) {
		l.tell(s)
	}
	if s.state != authenticating {
		return
	}
	if end := s.loginDeadline(); !end.IsZero() && !now.Before(end) {
		if s.spare {
			s.turnBack()
			return
		}
		s.refuse(protocol.Errorf(protocol.Auth, "no login came in time"), reasonLoginTimeout)
		return
	}
	s.link.SetDeadline(s.login.sooner(s.loginDeadline()))
}

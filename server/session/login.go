package session

import (
	"bytes"
	"errors"
	"time"

	"ftpd/protocol"
	"ftpd/server/reactor"
)

// maxLogins bounds the logins of a server that are decided or wait for it. With the
// few workers of the lane and some 30 ms for a password, the last one waits about a
// second.
const maxLogins = 64

// login is an AUTH in flight.
//
//	deciding -> delayed -> answered
//	        \______________^
type login struct {
	entry
	user    string
	isOver  bool      // the connection is gone
	due     time.Time // when the failure is told; zero while it is decided
	failure error
}

func (l *login) waits() bool { return false }

// cancel is part of request. What is being decided cannot be called back.
func (l *login) cancel(s *Session) { l.isOver = s.state == closed }

// auth takes an AUTH.
func (s *Session) auth(id uint32, m protocol.Authenticate) error {
	if err := s.admit(id); err != nil {
		return err
	}
	err := s.mayLogin(m.Method)
	l := &login{entry: entry{id: id, op: protocol.OpAuth, started: s.now}, user: m.User}
	s.add(id, l)
	if err != nil {
		s.fail(l.entry, err)
		return nil
	}
	s.login = l
	s.logins++
	exporter, _ := s.link.Exporter(protocol.LoginExporter)
	s.offload(reactor.Login, &loginJob{login: l, gate: s.config.Gate, attempt: Attempt{
		Peer:       s.peer.Addr(),
		Now:        s.now,
		Method:     m.Method,
		User:       m.User,
		Credential: bytes.Clone(m.Credential),
		Signature:  bytes.Clone(m.Signature),
		Exporter:   exporter,
	}})
	return nil
}

// mayLogin tells whether a login may be decided at all.
func (s *Session) mayLogin(method protocol.Method) error {
	switch {
	case s.config.Gate == nil:
		return protocol.Errorf(protocol.Unsupported, "this server has no users")
	case s.state == draining:
		return errTakesNoMore
	case s.account != nil && s.account.Name != "":
		return protocol.Errorf(protocol.Invalid, "this connection is logged in already")
	case s.requests.len() > 0:
		return protocol.Errorf(protocol.Invalid, "a login takes a connection with no other request in flight")
	case method == protocol.PublicKey && !s.link.Secure():
		return protocol.Errorf(protocol.Unsupported, "a login with a key is possible inside TLS only")
	case method == protocol.Password && !s.link.Secure() && !s.config.PlainPasswords:
		return protocol.Errorf(protocol.Unsupported, "this server takes passwords inside TLS only")
	case s.logins >= maxLogins:
		return &protocol.RequestError{Code: protocol.Busy, Retry: true, Message: "too many logins wait already; try again later"}
	}
	return s.config.Gate.Admit(s.peer.Addr(), s.now)
}

// loginJob has the gate decide.
type loginJob struct {
	login   *login
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
	s.logins--
	l := j.login
	switch {
	case j.account != nil && s.spare && !j.account.Allow.Has(Admin):
		s.giveUp(j.account)
		l.turnAway(s)
		return
	case j.account != nil && (l.isOver || s.ended || s.state == draining):
		s.giveUp(j.account)
		l.failure = errTakesNoMore
	case j.account != nil:
		l.succeed(s, j.account, j.attempt.Method)
		return
	default:
		l.failure = j.err
		l.delay(s)
	}
	if !l.isOver && l.due.IsZero() {
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
	s.login = nil
	s.fail(l.entry, l.failure)
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
// never. There are too few spare places for that.
func (s *Session) loginDeadline() time.Time {
	limit := s.config.LoginTimeout
	if limit == 0 && s.spare {
		limit = spareTimeout
	}
	if s.state != authenticating || limit == 0 {
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

package session

import (
	"time"

	"ftpd/protocol"
)

var zeroTime time.Time

// deadline has Expire called d from the start of the current quiet time; 0 is
// never.
func (s *Session) deadline(d time.Duration) {
	t := zeroTime
	if d > 0 {
		t = s.lastMoved().Add(d)
	}
	s.link.SetDeadline(s.login.sooner(t))
}

// lastMoved returns when something last happened on this connection. Bytes of a frame
// that does not become whole are nothing where no request is in flight: or one byte now
// and then would hold a place for ever.
func (s *Session) lastMoved() time.Time {
	if s.requests.len() == 0 && s.link.Queued() == 0 && s.decoder.Buffered() > 0 {
		return s.frameSince
	}
	moved := s.started.Add(s.moved)
	if bytes := s.link.Moved(); bytes.After(moved) {
		return bytes
	}
	return moved
}

// quiet returns how long nothing may happen now: a connection with a request
// in flight is given less time than an idle one. 0 is for ever.
func (s *Session) quiet() time.Duration {
	if s.requests.len() > 0 || s.link.Queued() > 0 {
		return s.config.StallTimeout
	}
	return s.config.IdleTimeout
}

// Expire is part of reactor.Session. Bytes that moved since the deadline was
// set only move it on, so that no event need touch it.
func (s *Session) Expire(now time.Time) {
	s.enter(now)
	defer s.leave()
	if s.state == greeting {
		s.expireGreeting()
		return
	}
	s.expireLogin(now)
	if s.state == authenticating || s.ended {
		return
	}
	limit := s.quiet()
	if limit == 0 || now.Sub(s.lastMoved()) < limit || s.busy() {
		s.rearm(now, limit)
		return
	}
	if s.requests.len() > 0 || s.link.Queued() > 0 {
		s.link.Abort(reasonStallTimeout)
		return
	}
	reply(s, 0, protocol.Goaway{Code: protocol.Busy, Message: "nothing was asked for so long that the connection is closed"})
	s.drain(reasonIdleTimeout)
}

// rearm sets the next deadline.
func (s *Session) rearm(now time.Time, limit time.Duration) {
	if s.busy() {
		s.moved = now.Sub(s.started) // the time that our own disk takes is not the client's
	}
	s.deadline(limit)
}

// busy reports that the server itself is at work for this session, or lets it wait
// for memory, so that silence is not the client's fault.
func (s *Session) busy() bool {
	return s.link.Hungry() || s.requests.len() > 0 && s.link.Queued() == 0 && !s.waiting()
}

func (s *Session) expireGreeting() {
	if s.link.Handshaking() {
		s.link.Abort(reasonHandshakeTimeout) // it understands no word yet
		return
	}
	if s.decoder.Buffered() == 0 {
		s.foreign(reasonHandshakeTimeout)
		return
	}
	s.refuse(&protocol.RequestError{Code: protocol.Protocol, Message: "no HELLO came in time"}, reasonHandshakeTimeout)
}

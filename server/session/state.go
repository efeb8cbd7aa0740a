package session

import (
	"fmt"
	"slices"

	"ftpd/server/reactor"
)

// state is how far a session is.
//
//	          HELLO                    AUTH          BYE, shutdown            nothing in flight
//	greeting -------> authenticating -------> ready ---------------> draining -----------------> closed
//	    |\_________________|\__________________^/________________________^/_________________________^
//	    |   everyone may in |     protocol error, timeout, I/O error, the peer went away
type state uint8

const (
	// opening: nothing has happened yet.
	opening state = iota
	// greeting: HELLO has not come yet.
	greeting
	// authenticating: HELLO has come, and nothing is served before a login.
	authenticating
	// ready: requests are served.
	ready
	// draining: those in flight are finished, new ones refused.
	draining
	// closed: the connection is gone; jobs may still come back.
	closed
)

// states names every state and lists those that may follow it.
var states = [...]struct {
	name string
	next []state
}{
	opening:        {"opening", []state{greeting, closed}},
	greeting:       {"greeting", []state{authenticating, ready, draining, closed}},
	authenticating: {"authenticating", []state{ready, draining, closed}},
	ready:          {"ready", []state{draining, closed}},
	draining:       {"draining", []state{closed}},
	closed:         {"closed", nil},
}

func (s state) String() string { return states[s].name }

// in reports whether s is one of a set.
func (s state) in(set []state) bool { return slices.Contains(set, s) }

// setState is the only place where the state changes.
func (s *Session) setState(next state) {
	if !next.in(states[s.state].next) {
		panic(fmt.Sprintf("session: no way from %s to %s", s.state, next))
	}
	s.state = next
	switch next {
	case opening:
		panic("session: opened twice")
	case greeting:
		s.deadline(s.config.HandshakeTimeout)
	case authenticating:
		s.link.SetDeadline(s.loginDeadline())
	case ready:
		s.deadline(s.config.IdleTimeout) // whatever is queued yet
	case draining:
		if s.requests.len() == 0 {
			s.finish(s.drainFor)
		}
	case closed:
		s.link.SetDeadline(zeroTime)
	}
}

// drain stops taking requests and closes when none is in flight.
func (s *Session) drain(reason reactor.Reason) {
	if s.state == draining {
		return
	}
	s.drainFor = reason
	s.setState(draining)
}

// The reasons for which a session closes its connection.
const (
	reasonBye              reactor.Reason = "bye"
	reasonShutdown         reactor.Reason = "shutdown"
	reasonFull             reactor.Reason = "too many clients"
	reasonAddressFull      reactor.Reason = "too many from one address"
	reasonProtocol         reactor.Reason = "protocol error"
	reasonForeign          reactor.Reason = "foreign protocol"
	reasonHandshakeTimeout reactor.Reason = "handshake timeout"
	reasonLoginTimeout     reactor.Reason = "login timeout"
	reasonRevoked          reactor.Reason = "user revoked"
	reasonIdleTimeout      reactor.Reason = "idle timeout"
	reasonStallTimeout     reactor.Reason = "stall timeout"
)

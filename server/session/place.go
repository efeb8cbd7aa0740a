package session

import (
	"fmt"
	"slices"
	"time"

	"ftpd/protocol"
	"ftpd/server/reactor"
)

// comeAgain is when whoever finds no place is told to come again: about as often as
// ftpc does by itself.
const comeAgain = 10 * time.Second

// noPlace returns the reason, for the log, and the error for whom there is no place.
func noPlace(full reactor.Full) (reactor.Reason, error) {
	what, reason := "the server has as many clients as it takes", reasonFull
	if full == reactor.AddressFull {
		what, reason = "the server takes no more connections from your address", reasonAddressFull
	}
	return reason, &protocol.RequestError{Code: protocol.Busy, Retry: true, Message: fmt.Sprintf("%s; try again in %s", what, comeAgain)}
}

// spareTimeout is how long a login may take in a spare place, where there is no other
// limit.
const spareTimeout = 30 * time.Second

// inSpare is what is answered in a spare place before a login.
var inSpare = []protocol.Opcode{protocol.OpHello, protocol.OpAuth, protocol.OpCancel, protocol.OpPing, protocol.OpBye}

// unplaced reports that an opcode takes a place, and the connection has none: it is for
// administrators, and this is not known to be one.
func (s *Session) unplaced(op protocol.Opcode) bool {
	return s.spare && !slices.Contains(inSpare, op)
}

// turnAway ends the connection of a user who is no administrator, and has a spare place.
func (l *login) turnAway(s *Session) {
	reason, err := noPlace(s.full)
	l.failure = err
	l.tell(s)
	if !l.isOver && !s.ended {
		s.finish(reason)
	}
}

// turnBack ends a connection for which there is no place.
func (s *Session) turnBack() {
	reason, err := noPlace(s.full)
	s.refuse(err, reason)
}

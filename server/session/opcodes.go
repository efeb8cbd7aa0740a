package session

import (
	"fmt"

	"ftpd/protocol"
)

// row is what a session does with one opcode.
type row struct {
	states []state // in which the client may send it
	handle func(s *Session, frame protocol.Frame) error
}

var (
	first   = []state{greeting}
	serving = []state{authenticating, ready, draining}
)

// rows is indexed by the opcode. A handler's error ends the connection; what
// fails only one request is answered by the handler itself. DATA has no
// handler here, for its bytes need memory: see stepData.
var rows = [...]row{
	protocol.OpHello:  {first, on((*Session).hello)},
	protocol.OpAuth:   {serving, on((*Session).auth)},
	protocol.OpList:   {serving, on((*Session).list)},
	protocol.OpStat:   {serving, on((*Session).stat)},
	protocol.OpGet:    {serving, on((*Session).get)},
	protocol.OpPut:    {serving, on((*Session).put)},
	protocol.OpMkdir:  {serving, on((*Session).mkdir)},
	protocol.OpRemove: {serving, on((*Session).remove)},
	protocol.OpRename: {serving, on((*Session).rename)},
	protocol.OpSum:    {serving, on((*Session).sum)},
	protocol.OpSync:   {serving, unsupported},
	protocol.OpCancel: {serving, on((*Session).cancelRequest)},
	protocol.OpPing:   {serving, on((*Session).ping)},
	protocol.OpBye:    {serving, on((*Session).bye)},
	protocol.OpData:   {serving, nil},
	protocol.OpEnd:    {serving, on((*Session).end)},
}

// needs is indexed by the opcode: which permissions of the account a request takes.
// What begins no request, and AUTH, take none. (It is no column of rows, for handlers
// look here.)
var needs = [...]need{
	protocol.OpList:   {always: List},
	protocol.OpStat:   {always: List},
	protocol.OpGet:    {always: Read},
	protocol.OpPut:    {always: Write, flag: protocol.PutIfMatch, more: Delete}, // see also put.keeps
	protocol.OpMkdir:  {always: Write},
	protocol.OpRemove: {always: Delete},
	protocol.OpRename: {always: Write | Delete},
	protocol.OpSum:    {always: Read},
}

// on makes a handler of frames of one that takes a message.
func on[M any, P protocol.Decodable[M]](handle func(s *Session, id uint32, m M) error) func(*Session, protocol.Frame) error {
	return func(s *Session, frame protocol.Frame) error {
		m, err := protocol.Decode[M, P](frame)
		if err != nil {
			return err
		}
		return handle(s, frame.Request, m)
	}
}

// allowed checks an opcode against the state. The decoder has let through only
// opcodes that a client may send, and each of them has a row.
func (s *Session) allowed(op protocol.Opcode) error {
	if !s.state.in(rows[op].states) {
		return violation("%s is not allowed while %s", op, s.state)
	}
	return nil
}

// unsupported answers what is reserved.
func unsupported(s *Session, frame protocol.Frame) error {
	if err := s.admit(frame.Request); err != nil {
		return err
	}
	s.fail(entry{id: frame.Request, op: frame.Opcode}, protocol.Errorf(protocol.Unsupported, "%s is not offered by this server", frame.Opcode))
	return nil
}

// admit checks that a new request may go by a number and that there is room
// for it.
func (s *Session) admit(id uint32) error {
	switch {
	case s.find(id) != nil:
		return violation("request %d is already in flight", id)
	case s.requests.len() >= int(s.inFlight):
		return violation("more than %d requests in flight", s.inFlight)
	}
	return nil
}

func violation(format string, args ...any) error {
	return &protocol.ProtocolError{Code: protocol.Protocol, Message: fmt.Sprintf(format, args...)}
}

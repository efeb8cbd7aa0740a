package session

import (
	"time"

	"ftpd/protocol"
	"ftpd/server/reactor"
)

const (
	// frameBudget bounds the frames handled in one turn of a connection.
	frameBudget = 256
	// maxHolding bounds the bytes of DATA that wait for storage; above it no
	// input is read.
	maxHolding = 2 << 20
	// highWater bounds the output that is queued or being made; above it no
	// input is read and no job that makes output is started.
	highWater = 2 << 20
	// copyBelow is the size of DATA up to which the bytes are copied out of
	// the input buffer; from it on they take the buffer along.
	copyBelow = 32 << 10
)

// Paused is part of reactor.Session.
func (s *Session) Paused() bool {
	return s.ended || s.more || s.above(s.holding, maxHolding) || s.above(s.link.Queued(), highWater)
}

// above reports whether bytes that are held have reached their limit, or this
// connection's share of the memory where that is less.
func (s *Session) above(held, limit int) bool {
	return held > 0 && held >= min(limit, s.link.Share())
}

// Input is part of reactor.Session.
func (s *Session) Input(time.Time) []byte {
	if need := s.decoder.Need(); s.decoder.Cap() < need {
		use := reactor.Control
		if need > protocol.ControlBuffer {
			use = reactor.Bulk
		}
		buffer := s.link.Buffer(need, use)
		if buffer == nil {
			return nil
		}
		s.lend(buffer)
	}
	return s.decoder.Space()
}

// lend gives the decoder another buffer.
func (s *Session) lend(buffer *reactor.Buffer) {
	s.decoder.Attach(buffer.Bytes)
	s.release(s.input)
	s.input = buffer
}

// letGoOfInput gives the input buffer back.
func (s *Session) letGoOfInput() {
	s.decoder.Detach()
	s.release(s.input)
	s.input = nil
}

// Received is part of reactor.Session.
func (s *Session) Received(now time.Time, n int) {
	s.decoder.Advance(n)
	s.proceed(now)
}

// process handles the frames that have arrived, within the budget of a turn.
func (s *Session) process() {
	s.more = false
	for range frameBudget {
		if s.Paused() || !s.step() {
			return
		}
	}
	s.more = true
	s.link.Again()
}

// step handles one frame and reports whether there may be another.
func (s *Session) step() bool {
	if s.state == greeting && s.decoder.Buffered() > 0 && s.decoder.Bytes()[0] != protocol.Version {
		s.foreign(reasonForeign)
		return false
	}
	header, ok, err := s.decoder.Peek()
	if err == nil && (!ok || s.decoder.Buffered() < protocol.HeaderLen+int(header.Length)) {
		return false
	}
	if err == nil {
		err = s.allowed(header.Opcode)
	}
	if err == nil && header.Opcode == protocol.OpData {
		ok, err = s.stepData(header)
	} else if err == nil {
		var frame protocol.Frame
		if frame, _, err = s.decoder.Next(); err == nil {
			err = rows[frame.Opcode].handle(s, frame)
		}
	}
	if err != nil {
		s.refuse(err, reasonProtocol)
	}
	return ok && !s.ended
}

// stepData handles a complete DATA frame. Its bytes go on to storage in a
// buffer of their own; while there is none, it returns false and the frame
// stays.
func (s *Session) stepData(header protocol.Header) (bool, error) {
	put, ok := s.find(header.Request).(*put)
	if !ok || put.ended {
		return false, violation("DATA for request %d, which takes none", header.Request)
	}
	if put.phase == putDiscarding {
		_, _, err := s.decoder.Next()
		return true, err
	}
	spare, ok := s.spare(header)
	if !ok {
		return false, nil
	}
	frame, _, err := s.decoder.Next()
	if err != nil {
		return false, err
	}
	data, err := protocol.Decode[protocol.Data](frame)
	if err != nil {
		s.release(spare)
		return false, err
	}
	put.data(s, s.part(header, data, spare))
	return true, nil
}

// block is the content of a DATA frame and the buffer that it lies in.
type block struct {
	protocol.Data
	buffer *reactor.Buffer
}

// takesBuffer reports whether the bytes of a DATA frame take the input buffer
// along; those of a small one are copied.
func takesBuffer(header protocol.Header) bool { return header.Length >= copyBelow }

// spare lends the buffer without which a DATA frame cannot be parted from what
// follows it: for a copy of its bytes, or as the next input buffer. It is nil
// where neither is needed, and ok is false while there is no memory.
func (s *Session) spare(header protocol.Header) (spare *reactor.Buffer, ok bool) {
	switch {
	case !takesBuffer(header):
		spare = s.link.Buffer(int(header.Length), reactor.Bulk)
	case s.decoder.Buffered() > protocol.HeaderLen+int(header.Length):
		spare = s.link.Buffer(len(s.input.Bytes), reactor.Bulk)
	default:
		return nil, true
	}
	return spare, spare != nil
}

// part makes a block of what Next returned, independent of the input buffer.
func (s *Session) part(header protocol.Header, data protocol.Data, spare *reactor.Buffer) block {
	if !takesBuffer(header) {
		data.Bytes = spare.Bytes[:copy(spare.Bytes, data.Bytes)]
		return block{data, spare}
	}
	taken := s.input
	s.input = spare
	if spare != nil {
		s.decoder.Attach(spare.Bytes)
	} else {
		s.decoder.Detach()
	}
	return block{data, taken}
}

func (s *Session) release(buffer *reactor.Buffer) {
	if buffer != nil {
		s.link.Release(buffer)
	}
}

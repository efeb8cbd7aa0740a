package session

import (
	"time"

	"ftpd/protocol"
	"ftpd/server/reactor"
)

const (
	// frameBudget bounds the frames handled in one turn of a connection.
	frameBudget = 256
	// lookBudget bounds the looks at what storage has in memory in one turn: each is a
	// few system calls, some microseconds.
	lookBudget = 16
	// maxHolding bounds the bytes of DATA that wait for storage; above it no
	// input is read.
	maxHolding = 2 << 20
	// highWater bounds the output that is queued or being made; above it no
	// input is read and no job that makes output is started.
	highWater = 2 << 20
	// maxOut bounds the jobs on the pool, those of requests that are over
	// included; above it no input is read.
	maxOut = 1024
	// copyBelow is the size of DATA up to which the bytes are copied out of
	// the input buffer; from it on they take the buffer along.
	copyBelow = 32 << 10
)

// Paused is part of reactor.Session.
func (s *Session) Paused() bool {
	if s.work == nil {
		return s.ended
	}
	return s.ended || s.more || s.out > maxOut || s.above(s.holding, maxHolding) || s.above(s.link.Queued(), highWater)
}

// above reports whether bytes that are held have reached their limit, or this
// connection's share of the memory where that is less.
func (s *Session) above(held, limit int) bool {
	return held > 0 && held >= min(limit, s.link.Share())
}

// Input is part of reactor.Session. A block on its way has a buffer of its own;
// everything else is read into memory of the loop, and only what is left of it when
// a turn ends is kept. So a connection that waits for memory holds none but the
// bytes of a frame that has begun.
func (s *Session) Input(now time.Time) []byte {
	s.enter(now) // and Received, Resume or Closed leaves
	if s.wantsBlock() && !s.lendBlock() {
		return nil
	}
	if !s.inPlace() {
		s.borrow()
	}
	return s.decoder.Space()
}

// wantsBlock reports that a block has begun for which there is no buffer yet.
func (s *Session) wantsBlock() bool {
	need := s.decoder.Need()
	return need > protocol.ControlBuffer && s.decoder.Cap() < need
}

// lendBlock gets the buffer for a block, if there is memory.
func (s *Session) lendBlock() bool {
	buffer := s.link.Buffer(s.decoder.Need(), reactor.Bulk)
	if buffer != nil {
		s.lend(buffer)
		s.frameSince = s.now
	}
	return buffer != nil
}

// inPlace reports whether the frame in progress is large, and the buffer that its
// beginning lies in has room for the rest.
func (s *Session) inPlace() bool {
	pending := s.decoder.Pending()
	return s.input != nil && pending > reactor.SmallBuffer && pending <= s.decoder.Cap()
}

// lend gives the decoder another buffer.
func (s *Session) lend(buffer *reactor.Buffer) {
	s.decoder.Attach(buffer.Bytes)
	s.release(s.input)
	s.input = buffer
}

// borrow gives the decoder memory of the loop until the end of Received; little of
// it when the server's memory runs out, for what is left must be kept.
func (s *Session) borrow() {
	scratch := s.link.Scratch()
	if s.link.Share() < reactor.LargeBuffer {
		scratch = scratch[:min(len(scratch), s.decoder.Buffered()+reactor.TinyBuffer)]
	}
	s.decoder.Attach(scratch)
	s.release(s.input)
	s.input = nil
	s.borrowed = true
}

// giveBack ends what borrow began.
func (s *Session) giveBack() {
	if !s.borrowed {
		return
	}
	s.borrowed = false
	left := s.decoder.Buffered()
	switch {
	case s.ended: // nothing is decoded any more
	case left == 0:
		s.decoder.Detach()
	default:
		s.lend(s.keep(left))
	}
}

// keep lends a buffer for the left bytes of what has arrived: one for the whole frame
// in progress, if there is memory.
func (s *Session) keep(left int) *reactor.Buffer {
	need, use := max(left, s.decoder.Pending()), reactor.Control
	if need > protocol.ControlBuffer {
		need, use = protocol.BlockBuffer, reactor.Bulk
	}
	if buffer := s.link.Buffer(need, use); buffer != nil {
		return buffer
	}
	return s.link.Take(left)
}

// letGoOfInput gives the input buffer back.
func (s *Session) letGoOfInput() {
	s.decoder.Detach()
	s.release(s.input)
	s.input = nil
}

// Received is part of reactor.Session.
func (s *Session) Received(now time.Time, n int) {
	s.enter(now)
	defer s.leave()
	if n > 0 && s.decoder.Buffered() == 0 {
		s.frameSince = now
	}
	s.decoder.Advance(n)
	s.proceed(now)
	s.giveBack()
}

// Holding is part of reactor.Session: the frame in progress, if it takes more than
// the smallest buffer, and small files whose END has not come.
func (s *Session) Holding() time.Time {
	var since time.Time
	if s.work == nil {
		return since
	}
	if s.input != nil && len(s.input.Bytes) > reactor.TinyBuffer && !s.Paused() {
		since = s.frameSince
	}
	if s.parked > 0 && (since.IsZero() || s.parkedSince.Before(since)) {
		since = s.parkedSince
	}
	return since
}

// process handles the frames that have arrived, within the budget of a turn.
func (s *Session) process() {
	s.more, s.looks = false, 0
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
	if err == nil && s.unplaced(header.Opcode) {
		s.turnBack()
		return false
	}
	if err == nil {
		err = s.allowed(header.Opcode)
	}
	if err == nil && header.Opcode == protocol.OpData {
		err = s.stepData(header)
	} else if err == nil {
		var frame protocol.Frame
		if frame, _, err = s.decoder.Next(); err == nil {
			err = rows[frame.Opcode].handle(s, frame)
		}
	}
	s.frameSince = s.now // what is left is of the next one
	if err != nil {
		s.refuse(err, reasonProtocol)
	}
	return !s.ended
}

// stepData handles a complete DATA frame. Its bytes go on to storage in a buffer of
// their own, also when there is no memory left: only so can the memory that they
// take become free.
func (s *Session) stepData(header protocol.Header) error {
	put, ok := s.find(header.Request).(*put)
	if !ok || put.ended && put.lacking.owed() == 0 {
		return violation("DATA for request %d, which takes none", header.Request)
	}
	frame, _, err := s.decoder.Next()
	if err != nil {
		return err
	}
	if put.phase == putDiscarding {
		return put.dropped(s, frame)
	}
	data, err := protocol.Decode[protocol.Data](frame)
	if err != nil {
		return err
	}
	put.data(s, s.part(data))
	return nil
}

// block is the content of a DATA frame and the buffer that it lies in.
type block struct {
	protocol.Data
	buffer *reactor.Buffer
}

// part makes a block of what Next returned, independent of what follows it: a copy,
// or else the input buffer, in whose place another takes what is left.
func (s *Session) part(data protocol.Data) block {
	n := len(data.Bytes)
	if s.input == nil || n < copyBelow {
		buffer := s.buffer(n)
		data.Bytes = buffer.Bytes[:copy(buffer.Bytes, data.Bytes)]
		return block{data, buffer}
	}
	taken := s.input
	s.input = nil
	if left := s.decoder.Buffered(); left == 0 {
		s.decoder.Detach()
	} else {
		s.lend(s.next(left))
	}
	return block{data, taken}
}

// next lends the buffer behind a block, in which left bytes of the next frame lie.
func (s *Session) next(left int) *reactor.Buffer {
	if s.decoder.Need() > protocol.ControlBuffer {
		return s.keep(left)
	}
	return s.buffer(left)
}

// buffer lends a buffer for what has arrived.
func (s *Session) buffer(size int) *reactor.Buffer {
	if buffer := s.link.Buffer(size, reactor.Bulk); buffer != nil {
		return buffer
	}
	return s.link.Take(size)
}

func (s *Session) release(buffer *reactor.Buffer) {
	if buffer != nil {
		s.link.Release(buffer)
	}
}

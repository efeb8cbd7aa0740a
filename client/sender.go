package client

import (
	"context"
	"net"
	"sync"

	"ftpd/protocol"
)

const (
	// sendAhead bounds the bytes of DATA that are queued; whoever has more
	// waits.
	sendAhead = 1 << 20
	// sendBatch bounds one write. It is small enough for a line of 40 kbit/s
	// to show every minute that bytes move.
	sendBatch = 256 << 10
	// joinBelow is the size of a piece up to which it is copied behind the one
	// before it.
	joinBelow = 16 << 10
)

// piece is bytes to send, and the buffer they lie in.
type piece struct {
	b      []byte
	buffer *buffer
	joins  bool // the buffer is the queue's own, and has room behind b
}

// sender queues frames and writes them, as many as there are with one write.
// Its run is the connection's writer goroutine; any goroutine may queue.
type sender struct {
	mu      sync.Mutex
	pieces  []piece
	bytes   int           // in pieces and being written
	queued  uint64        // bytes that were queued so far
	ending  bool          // nothing more comes
	room    chan struct{} // holds a token when bytes has fallen below sendAhead and somebody waits
	waiting int           // how many wait for room
	ready   chan struct{} // holds a token when there may be something to write
	ended   chan struct{} // closed by who calls run when the end is written
}

// newSender returns the queue of a connection on which so many bytes were sent.
func newSender(sent int) *sender {
	return &sender{queued: uint64(sent), room: make(chan struct{}, 1), ready: make(chan struct{}, 1), ended: make(chan struct{})}
}

// message queues the frame of m. It never waits: such frames are small, and
// each request has but a few.
func (s *sender) message(request uint32, m protocol.Message) {
	s.line(request, m)
	s.wake()
}

// ping queues a PING, which tells how many bytes precede it.
func (s *sender) ping(content []byte) {
	s.mu.Lock()
	s.append(0, protocol.Ping{Position: s.queued, Content: content})
	s.mu.Unlock()
	s.wake()
}

// eager queues the frame of m and, in the same write, pieces that follow it. It
// does not wait either: a request has but one such.
func (s *sender) eager(request uint32, m protocol.Message, b []byte, owner *buffer) {
	s.lineEager(request, m, b, owner)
	s.wake()
}

// line is message for a caller that queues more before it wakes the writer.
func (s *sender) line(request uint32, m protocol.Message) {
	s.mu.Lock()
	s.append(request, m)
	s.mu.Unlock()
}

// lineEager is the same for eager.
func (s *sender) lineEager(request uint32, m protocol.Message, b []byte, owner *buffer) {
	s.mu.Lock()
	s.append(request, m)
	s.add(b, owner)
	s.mu.Unlock()
}

// data queues a DATA frame once there is room for it. The buffer is the
// queue's from then on, also when an error tells that ctx or the connection
// ended first.
func (s *sender) data(ctx context.Context, dead <-chan struct{}, b []byte, owner *buffer) error {
	s.mu.Lock()
	for s.bytes >= sendAhead {
		if err := s.awaitRoom(ctx, dead); err != nil {
			s.letOn() // a token that came meanwhile is another's
			s.mu.Unlock()
			owner.free()
			return err
		}
	}
	s.add(b, owner)
	s.letOn()
	s.mu.Unlock()
	s.wake()
	return nil
}

// awaitRoom waits until there may be room; s.mu is held, but not meanwhile.
func (s *sender) awaitRoom(ctx context.Context, dead <-chan struct{}) error {
	s.waiting++
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		s.waiting--
	}()
	select {
	case <-s.room:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-dead:
		return net.ErrClosed
	}
}

// letOn lets one go on who waits, if there is room; s.mu is held. Who went on calls it
// for the next.
func (s *sender) letOn() {
	if s.waiting > 0 && s.bytes < sendAhead {
		signal(s.room)
	}
}

// end has run return when all that is queued is written.
func (s *sender) end() {
	s.mu.Lock()
	s.ending = true
	s.mu.Unlock()
	s.wake()
}

// wake has the writer look for what is queued.
func (s *sender) wake() { signal(s.ready) }

// append puts a small frame behind the last piece.
func (s *sender) append(request uint32, m protocol.Message) {
	const longest = 2*protocol.MaxPath + 256
	last := s.joinable(longest)
	n := len(last.b)
	last.b = protocol.Append(last.b, request, m)
	s.bytes += len(last.b) - n
	s.queued += uint64(len(last.b) - n)
}

// add queues a piece, as it is or copied.
func (s *sender) add(b []byte, owner *buffer) {
	s.bytes += len(b)
	s.queued += uint64(len(b))
	if len(b) > joinBelow {
		s.pieces = append(s.pieces, piece{b: b, buffer: owner})
		return
	}
	last := s.joinable(len(b))
	last.b = append(last.b, b...)
	owner.free()
}

// joinable returns the last piece if it has room for n bytes, or a new one.
func (s *sender) joinable(n int) *piece {
	if len(s.pieces) > 0 {
		if last := &s.pieces[len(s.pieces)-1]; last.joins && cap(last.b)-len(last.b) >= n {
			return last
		}
	}
	fresh := getBuffer(protocol.ControlBuffer)
	s.pieces = append(s.pieces, piece{b: fresh.b[:0], buffer: fresh, joins: true})
	return &s.pieces[len(s.pieces)-1]
}

// take moves the pieces of the next write to batch; the last result is false
// once nothing more will come.
func (s *sender) take(batch []piece) ([]piece, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	n, size := 0, 0
	for n < len(s.pieces) && (n == 0 || size+len(s.pieces[n].b) <= sendBatch) {
		size += len(s.pieces[n].b)
		n++
	}
	batch = append(batch[:0], s.pieces[:n]...)
	rest := copy(s.pieces, s.pieces[n:])
	clear(s.pieces[rest:])
	s.pieces = s.pieces[:rest]
	return batch, n > 0 || !s.ending
}

// wrote gives the buffers of a batch back and lets those go on who wait.
func (s *sender) wrote(batch []piece) {
	size := 0
	for _, p := range batch {
		size += len(p.b)
		p.buffer.free()
	}
	clear(batch)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bytes -= size
	s.letOn()
}

// run writes until end is called, dead is closed or a write fails; moved is
// called after each write.
func (s *sender) run(conn net.Conn, dead <-chan struct{}, moved func()) error {
	var batch []piece
	var vector net.Buffers
	for {
		var more bool
		if batch, more = s.take(batch); !more {
			return nil
		}
		if len(batch) == 0 {
			select {
			case <-s.ready:
			case <-dead:
				return nil
			}
			continue
		}
		vector = vector[:0]
		for _, p := range batch {
			vector = append(vector, p.b)
		}
		whole := vector // WriteTo consumes it
		if _, err := vector.WriteTo(conn); err != nil {
			return err
		}
		vector = whole
		moved()
		s.wrote(batch)
	}
}

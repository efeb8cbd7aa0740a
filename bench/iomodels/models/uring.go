//go:build linux

package models

import (
	"errors"
	"fmt"
	"runtime"

	"ftpd/bench/iomodels/uring"

	"golang.org/x/sys/unix"
)

const (
	ringSize    = 4096
	ringBuffers = 1024
	// answersAhead is from how many unsent answers on a stream is not read from:
	// a client that does not read must not get hold of every buffer.
	answersAhead = 8
)

// serveURing asks for results instead of readiness: one standing request accepts
// every connection, one for each connection receives all its input, and the
// kernel puts the bytes into a buffer that it takes from a ring when they come.
// The thread makes one kind of system call, which hands over new requests and
// waits until something is done; it never calls read, write, accept or close.
func serveURing(s Server) error { return serveRing(s, true) }

// serveURingSingle asks anew for each connection and each piece of input, which
// is what kernels before 6.0 offer. Each connection then has a buffer lent to
// the kernel for as long as it waits.
func serveURingSingle(s Server) error { return serveRing(s, false) }

func serveRing(s Server, multishot bool) error {
	runtime.LockOSThread()
	ring, err := uring.Open(ringSize)
	if errors.Is(err, unix.ENOSYS) || errors.Is(err, unix.EPERM) {
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	}
	if err != nil {
		return fmt.Errorf("open: %w", err)
	}
	l := &proactor{server: s, ring: ring, ahead: 1}
	if multishot && !ring.Multishot() {
		s.Note("this kernel has no multishot accept and receive (Linux 6.0): one request at a time")
	} else if multishot {
		if l.buffers, err = ring.NewBuffers(0, ringBuffers, bufferSize); err != nil {
			return err
		}
		l.ahead = answersAhead
	}
	if err := l.accept(); err != nil {
		return err
	}
	for {
		if err := ring.Submit(1); err != nil {
			return err
		}
		for result := range ring.Results() {
			if err := l.handle(result); err != nil {
				return err
			}
		}
	}
}

// operation says what a result is the result of, in the upper half of its user
// data; the lower is the connection's descriptor.
type operation uint32

const (
	accepting operation = iota
	receiving
	sending
	closing
	cancelling
)

// A stream is one connection. It is closed when nothing of it is under way, so
// that no result can come for a number that has a new owner.
type stream struct {
	fd        int
	receiving bool    // its request for input stands
	cancelled bool    // and was taken back
	starved   bool    // found no buffer, and waits for one
	ended     bool    // its input, or all of it
	answers   []piece // in order; the first is being sent
	own       []byte  // its buffer, where there is no ring of them
}

// A piece is an answer, in a buffer of the ring unless the stream has its own.
type piece struct {
	buffer uint16
	data   []byte
}

type proactor struct {
	server  Server
	ring    *uring.Ring
	buffers *uring.Buffers // nil: single-shot
	ahead   int            // as answersAhead; 1 where a stream has one buffer
	streams []*stream      // by descriptor
	waiting []*stream      // that found no buffer
}

// request queues one operation; fill completes it.
func (l *proactor) request(op operation, opcode uint8, fd int, fill func(*uring.SQE)) error {
	sqe, err := l.ring.Next()
	if err != nil {
		return err
	}
	sqe.Opcode, sqe.FD, sqe.UserData = opcode, int32(fd), token(op, fd)
	if fill != nil {
		fill(sqe)
	}
	return nil
}

// token is the user data of an operation.
func token(op operation, fd int) uint64 { return uint64(op)<<32 | uint64(uint32(fd)) }

func (l *proactor) accept() error {
	return l.request(accepting, uring.OpAccept, l.server.Listener, func(sqe *uring.SQE) {
		sqe.OpFlags = unix.SOCK_CLOEXEC
		if l.buffers != nil {
			sqe.Priority = uring.AcceptMultishot
		}
	})
}

func (l *proactor) receive(s *stream) error {
	s.receiving, s.cancelled = true, false
	return l.request(receiving, uring.OpRecv, s.fd, func(sqe *uring.SQE) {
		if l.buffers != nil {
			sqe.Priority, sqe.Flags, sqe.BufferGroup = uring.RecvMultishot, uring.BufferSelect, l.buffers.Group()
			return
		}
		if s.own == nil {
			s.own = make([]byte, bufferSize)
		}
		sqe.Addr, sqe.Len = uring.Address(s.own), uint32(len(s.own))
	})
}

// send asks for the first answer to be sent as a whole (MSG_WAITALL). There is
// one at a time: two could overtake each other when the socket is full.
func (l *proactor) send(s *stream) error {
	data := s.answers[0].data
	return l.request(sending, uring.OpSend, s.fd, func(sqe *uring.SQE) {
		sqe.Addr, sqe.Len = uring.Address(data), uint32(len(data))
		sqe.OpFlags = unix.MSG_WAITALL | unix.MSG_NOSIGNAL
	})
}

func (l *proactor) handle(result uring.CQE) error {
	fd := int(int32(uint32(result.UserData)))
	switch operation(result.UserData >> 32) {
	case accepting:
		return l.accepted(result)
	case receiving:
		return l.received(l.streams[fd], result)
	case sending:
		return l.sent(l.streams[fd], result)
	case closing, cancelling:
		return nil // a cancellation comes too late for what has just ended
	}
	return fmt.Errorf("a result of nothing that was asked for: %#x", result.UserData)
}

func (l *proactor) accepted(result uring.CQE) error {
	if !result.More() {
		if err := l.accept(); err != nil {
			return err
		}
	}
	if err := result.Err(); errors.Is(err, unix.ECONNABORTED) || errors.Is(err, unix.EINTR) {
		return nil
	} else if err != nil {
		return fmt.Errorf("accept: %w", err)
	}
	s := &stream{fd: int(result.Result)}
	if missing := s.fd + 1 - len(l.streams); missing > 0 {
		l.streams = append(l.streams, make([]*stream, missing)...)
	}
	l.streams[s.fd] = s
	return l.receive(s)
}

func (l *proactor) received(s *stream, result uring.CQE) error {
	s.receiving = result.More()
	err := result.Err()
	switch {
	case errors.Is(err, unix.ENOBUFS):
		s.starved = true
		l.waiting = append(l.waiting, s)
		return nil
	case errors.Is(err, unix.ECANCELED):
		return l.settle(s)
	case result.Result <= 0:
		s.ended = true
		return l.settle(s)
	}
	p := piece{data: s.own}
	if id, ok := result.Buffer(); ok {
		p = piece{buffer: id, data: l.buffers.Data(id, int(result.Result))}
	}
	p.data = p.data[:result.Result]
	l.server.Handle(p.data)
	s.answers = append(s.answers, p)
	if len(s.answers) == 1 {
		if err := l.send(s); err != nil {
			return err
		}
	}
	return l.settle(s)
}

// sent goes on with the next answer. A client that is gone gets none of them.
func (l *proactor) sent(s *stream, result uring.CQE) error {
	if int(result.Result) < len(s.answers[0].data) {
		s.ended = true
		for _, p := range s.answers[1:] {
			l.giveBack(p)
		}
		s.answers = s.answers[:1]
	}
	l.giveBack(s.answers[0])
	if s.answers = s.answers[1:]; len(s.answers) == 0 {
		s.answers = nil
	} else if err := l.send(s); err != nil {
		return err
	}
	if err := l.settle(s); err != nil {
		return err
	}
	return l.resume()
}

func (l *proactor) giveBack(p piece) {
	if l.buffers != nil {
		l.buffers.Return(p.buffer)
	}
}

// settle decides what a stream does next after something of it has ended: go on
// receiving or stop, or close when nothing is under way any more.
func (l *proactor) settle(s *stream) error {
	wanted := !s.ended && len(s.answers) < l.ahead
	switch {
	case s.receiving && (wanted || s.cancelled):
		return nil
	case s.receiving:
		return l.cancel(s)
	case wanted && !s.starved:
		return l.receive(s)
	case !s.ended || len(s.answers) > 0:
		return nil
	}
	l.streams[s.fd] = nil
	return l.request(closing, uring.OpClose, s.fd, nil)
}

// cancel takes back the request for input, which ends with ECANCELED.
func (l *proactor) cancel(s *stream) error {
	s.cancelled = true
	return l.request(cancelling, uring.OpCancel, s.fd, func(sqe *uring.SQE) {
		sqe.FD, sqe.Addr = -1, token(receiving, s.fd)
	})
}

// resume lets those receive again that found no buffer, now that some are back.
func (l *proactor) resume() error {
	waiting := l.waiting
	l.waiting = nil
	for _, s := range waiting {
		s.starved = false
		if s.ended {
			continue // and closed by now, if nothing of it was under way
		}
		if err := l.settle(s); err != nil {
			return err
		}
	}
	return nil
}

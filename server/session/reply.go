package session

import (
	"context"
	"log/slog"
	"slices"
	"time"

	"ftpd/protocol"
	"ftpd/server/reactor"
)

// maxReply is room for every reply but DATA and ENTRIES, in bytes: the longest
// is META with a target.
const maxReply = 5 << 10

// reply queues a frame. It is a function because a method has no type
// parameters.
func reply[M protocol.Message](s *Session, id uint32, m M) {
	s.link.Commit(protocol.Append(s.link.Reserve(maxReply), id, m))
}

// entry is what the log says of a request.
type entry struct {
	id      uint32
	op      protocol.Opcode
	path    string
	bytes   uint64
	started time.Time
}

// succeed ends a request whose final reply is queued.
func (s *Session) succeed(e entry) {
	s.served++
	s.log(e, "ok")
	s.retire(e.id)
}

// fail ends a request with ERROR.
func (s *Session) fail(e entry, err error) {
	s.answerError(e, err)
	s.retire(e.id)
}

// answerError answers a request with ERROR; its number stays taken.
func (s *Session) answerError(e entry, err error) {
	m := errorMessage(err)
	s.served++
	s.failed++
	if m.Code == protocol.IO && s.state != closed {
		s.config.Logger.Warn("request failed", append(s.who(), "op", e.op.String(), "path", e.path, "error", err)...)
	}
	s.log(e, m.Code.String())
	reply(s, e.id, m)
}

func (s *Session) log(e entry, result string) {
	if s.config.Logger.Enabled(context.Background(), slog.LevelDebug) {
		s.config.Logger.Debug("request", append(s.who(), "request", e.id, "op", e.op.String(), "path", e.path,
			"result", result, "bytes", e.bytes, "duration", s.now.Sub(e.started).Round(time.Microsecond))...)
	}
}

// producer is a request that makes output as the client takes it.
type producer interface {
	// wants returns the size of buffer that the next job needs; 0 is that no
	// job is to be started any more.
	wants() int
	// produce starts one job.
	produce(s *Session, buffer *reactor.Buffer)
}

// enqueue puts p in line unless it is there.
func (s *Session) enqueue(p producer) {
	if !slices.Contains(s.producers, p) {
		s.producers = append(s.producers, p)
	}
}

// dequeue takes p out of the line.
func (s *Session) dequeue(p producer) {
	if i := slices.Index(s.producers, p); i >= 0 {
		s.producers = slices.Delete(s.producers, i, i+1)
	}
}

// produce starts jobs that make output, in turn for every request that has
// some, until as much is queued or being made as the client should be sent
// ahead. Where there is no memory for one, those behind it may need less.
func (s *Session) produce() {
	for i := 0; i < len(s.producers) && !s.ended; {
		p := s.producers[i]
		size := p.wants()
		if size == 0 {
			s.producers = slices.Delete(s.producers, i, i+1)
			continue
		}
		ahead := s.link.Queued() + s.reserved
		if ahead > 0 && ahead+size > min(highWater, s.link.Share()) {
			return
		}
		buffer := s.link.Buffer(size, useOf(size))
		if buffer == nil {
			i++
			continue
		}
		s.reserved += len(buffer.Bytes)
		s.producers = append(slices.Delete(s.producers, i, i+1), p) // to the end of the line
		p.produce(s, buffer)
	}
}

// useOf takes small files and listings, and what begins the reply to a large
// file, for what the reserve of memory is there for.
func useOf(size int) reactor.Use {
	if size <= reactor.MediumBuffer {
		return reactor.Control
	}
	return reactor.Bulk
}

// send queues what a job made of its buffer.
func (s *Session) send(buffer *reactor.Buffer, n int) {
	s.reserved -= len(buffer.Bytes)
	s.link.Send(buffer, n)
}

// unused gives back the buffer of a job that made nothing.
func (s *Session) unused(buffer *reactor.Buffer) {
	s.reserved -= len(buffer.Bytes)
	s.link.Release(buffer)
}

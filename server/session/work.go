package session

import (
	"context"
	"time"
	"unique"

	"ftpd/protocol"
	"ftpd/server/reactor"
)

// work is what a session needs while it has something to do: from the first byte of
// a frame until the last request is answered. Sessions that are idle have none.
type work struct {
	now      time.Time // of the call in progress, for its handlers
	drainFor reactor.Reason
	more     bool // the frame budget ended before the frames did
	looks    int  // at what storage has in memory, in this turn

	decoder  protocol.Decoder
	input    *reactor.Buffer // lent to the decoder
	borrowed bool            // the decoder has memory of the loop, within Received only

	frameSince  time.Time // when the frame in progress began to arrive, or was lent its buffer
	parkedSince time.Time // when parked was last 0, or became less
	out         int       // jobs on the pool

	requests requestList // in flight
	login    *login      // that one of them, if there is one
	holding  int         // bytes of buffers with DATA not yet written to storage
	parked   int         // those of them that wait for an END
	storer   storer      // PUTs that wait to be stored whole
	staging  staging     // PUTs that are staged, and that wait to be
	listings listings    // LISTs that are open, and that wait to be

	opener    opener     // GETs that wait for their file to be opened
	producers []producer // what wants to make output, in turn
	reserved  int        // bytes of output that jobs are making

	ctx    context.Context // of the jobs; nil until one needs it
	cancel context.CancelFunc
}

func newWork() any { return &work{decoder: protocol.NewDecoder(protocol.Client)} }

// enter begins a call of the reactor, leave ends it.
func (s *Session) enter(now time.Time) {
	if s.work == nil {
		s.work = s.pool.Get().(*work)
	}
	s.now = now
}

// leave gives the work back once there is none.
func (s *Session) leave() {
	if !s.idle() {
		return
	}
	w := s.work
	if w.cancel != nil {
		w.cancel()
	}
	// Some requests later their slices are as long as they need to be.
	*w = work{decoder: protocol.NewDecoder(protocol.Client), requests: requestList{list: w.requests.list[:0]}, producers: w.producers[:0]}
	s.work = nil
	s.pool.Put(w)
}

// idle reports whether nothing in work is needed any more: whatever it counts belongs
// to a request, to a job or to the bytes of a frame that has begun.
func (s *Session) idle() bool {
	w := s.work
	return (s.state == authenticating || s.state == ready || s.state == closed) && !s.ended && !w.more && !w.borrowed &&
		w.input == nil && w.out == 0 && w.requests.len() == 0
}

// name returns how the client calls itself.
func (s *Session) name() string {
	if s.agent == (unique.Handle[string]{}) {
		return ""
	}
	return s.agent.Value()
}

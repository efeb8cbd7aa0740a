package relay

import (
	"sync"
	"time"
)

// queueMax is how many bytes a queue holds before it takes no more: enough for
// 2.5 GB/s at a delay of 100 ms, so that it is not what limits a transfer.
const queueMax = 256 << 20

// chunk is what arrived at once, and when it is to leave.
type chunk struct {
	due  time.Time
	data []byte
}

// queue is one direction of a connection: what is under way.
type queue struct {
	delay  time.Duration
	mu     sync.Mutex
	moved  sync.Cond // signalled when anything below has changed
	chunks []chunk
	bytes  int
	ended  time.Time // when the end is to arrive; zero until it is there
	broken bool      // nobody puts in or takes out any more
}

func newQueue(delay time.Duration) *queue {
	q := &queue{delay: delay}
	q.moved.L = &q.mu
	return q
}

// push puts in what arrived now, which the queue keeps. It waits while the queue
// is full; false says that it is of no use to go on.
func (q *queue) push(now time.Time, data []byte) bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	for q.bytes >= queueMax && !q.broken {
		q.moved.Wait()
	}
	if q.broken {
		return false
	}
	q.chunks = append(q.chunks, chunk{now.Add(q.delay), data})
	q.bytes += len(data)
	q.moved.Broadcast()
	return true
}

// end puts in the end, which travels as data does.
func (q *queue) end(now time.Time) {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.ended = now.Add(q.delay)
	q.moved.Broadcast()
}

// fail drops what is under way.
func (q *queue) fail() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.broken = true
	q.chunks, q.bytes = nil, 0
	q.moved.Broadcast()
}

// next waits until there is something, and returns it with the time at which it
// is to leave; no data is the end. It is false when the queue has failed.
func (q *queue) next() (chunk, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for len(q.chunks) == 0 && q.ended.IsZero() && !q.broken {
		q.moved.Wait()
	}
	switch {
	case q.broken:
		return chunk{}, false
	case len(q.chunks) == 0:
		return chunk{due: q.ended}, true
	}
	first := q.chunks[0]
	q.chunks[0] = chunk{} // the array outlives it
	q.chunks = q.chunks[1:]
	q.bytes -= len(first.data)
	q.moved.Broadcast()
	return first, true
}

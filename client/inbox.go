package client

import (
	"sync"

	"ftpd/protocol"
)

// frameCost is what a frame in an inbox is taken to cost besides its payload,
// in bytes, so that many empty ones count.
const frameCost = 128

// arrival is a frame that waits for its request's caller.
type arrival struct {
	opcode  protocol.Opcode
	flags   protocol.Flags
	payload []byte
	buffer  *buffer // which payload lies in; nil where it has memory of its own
}

func (a *arrival) frame() protocol.Frame {
	return protocol.Frame{Header: protocol.Header{Opcode: a.opcode, Flags: a.flags}, Payload: a.payload}
}

func (a *arrival) cost() int {
	if a.buffer != nil {
		return frameCost + len(a.buffer.b)
	}
	return frameCost + len(a.payload)
}

// ending says why nothing more comes into an inbox.
type ending uint8

const (
	notEnded  ending = iota
	setAside         // the caller was too slow and others wait: it may ask again
	overgrown        // the caller was too slow and too much has come
)

// inbox holds the frames that the connection's reader has taken for one
// request and its caller has not.
type inbox struct {
	mu     sync.Mutex
	queue  []arrival
	first  int // of queue
	bytes  int
	ending ending
	closed bool          // the caller has gone
	some   chan struct{} // holds a token when there may be something to take
	room   chan struct{} // holds a token when something was taken

	// Memory for what most requests get, so that it is one allocation.
	start [3]arrival // META, DATA and END of a small file
	small [96]byte   // the payloads of two of them
	used  int        // of small
}

func (i *inbox) init() {
	i.queue = i.start[:0]
	i.some = make(chan struct{}, 1)
	i.room = make(chan struct{}, 1)
}

// put adds a frame and returns the bytes that wait now. It is called by the
// connection's reader only.
func (i *inbox) put(a arrival) int {
	i.mu.Lock()
	if i.closed || i.ending != notEnded {
		i.mu.Unlock()
		a.buffer.free()
		return 0
	}
	i.queue = append(i.queue, a)
	i.bytes += a.cost()
	bytes := i.bytes
	i.mu.Unlock()
	signal(i.some)
	return bytes
}

// copied returns payload in memory that is the inbox's own. It is called by
// the connection's reader only.
func (i *inbox) copied(payload []byte) []byte {
	if n := len(payload); n <= len(i.small)-i.used {
		kept := i.small[i.used : i.used+n : i.used+n]
		i.used += n
		copy(kept, payload)
		return kept
	}
	return append([]byte(nil), payload...)
}

// take returns the next frame if there is one, and otherwise whether and why
// none will come.
func (i *inbox) take() (arrival, bool, ending) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.first == len(i.queue) {
		return arrival{}, false, i.ending
	}
	a := i.queue[i.first]
	i.queue[i.first] = arrival{}
	i.first++
	if i.first == len(i.queue) {
		i.queue, i.first = i.queue[:0], 0
	} else if i.first >= 1024 && i.first*2 > len(i.queue) { // do not grow behind a reader that never quite catches up
		n := copy(i.queue, i.queue[i.first:])
		clear(i.queue[n:])
		i.queue, i.first = i.queue[:n], 0
	}
	i.bytes -= a.cost()
	signal(i.room)
	return a, true, notEnded
}

// waiting returns the bytes that wait; none when nobody will take them.
func (i *inbox) waiting() int {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.bytes
}

// end has nothing more come in; what is there can still be taken.
func (i *inbox) end(why ending) {
	i.mu.Lock()
	i.ending = why
	i.mu.Unlock()
	signal(i.some)
}

// close drops what is there and what is to come.
func (i *inbox) close() {
	i.mu.Lock()
	i.closed = true
	dropped := i.queue[i.first:]
	i.queue, i.first, i.bytes = nil, 0, 0
	i.mu.Unlock()
	for _, a := range dropped {
		a.buffer.free()
	}
	signal(i.room)
}

// signal leaves a token in a channel of one place.
func signal(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}

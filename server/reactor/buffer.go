package reactor

import (
	"runtime/debug"
	"sync/atomic"
	"time"
)

// The sizes of buffers, in bytes. A buffer is of the smallest that holds what
// is asked for.
const (
	TinyBuffer   = 1 << 10
	PageBuffer   = 4<<10 + 128 // 4 KiB and what goes with them
	SmallBuffer  = 16 << 10
	MediumBuffer = 68 << 10  // 64 KiB and the headers around them
	LargeBuffer  = 260 << 10 // 256 KiB and the headers around them
)

var bufferSizes = [...]int{TinyBuffer, PageBuffer, SmallBuffer, MediumBuffer, LargeBuffer}

// trimAfter is how long free buffers are kept for the next who asks. Then they
// go back to the garbage collector and, if the server is at rest, to the system, so
// that a load leaves nothing behind.
const trimAfter = 5 * time.Second

// Use says what a buffer is for. Bulk leaves an eighth of the memory to
// Control, so that transfers never starve what is small.
type Use uint8

// The uses.
const (
	Control Use = iota // what is small: requests, listings, small files
	Bulk               // blocks of large files
	uses
)

// Buffer is memory lent by the loop. Whoever holds it may use all of Bytes;
// exactly one holds it at a time.
type Buffer struct {
	Bytes []byte // of one of the sizes above
	class uint8
	sent  int // while it is queued as output: bytes already written
	len   int // while it is queued as output: bytes to write
}

// buffers is the one pool of a loop. It counts what is lent, so that all
// connections together stay within a limit.
type buffers struct {
	limit int64
	lent  atomic.Int64 // written by the loop only
	kept  int64        // in free, in bytes
	free  [len(bufferSizes)][]*Buffer
}

func classOf(size int) uint8 {
	for class, have := range bufferSizes {
		if size <= have {
			return uint8(class)
		}
	}
	panic("reactor: no buffer is that large")
}

// left returns how much of the memory for a use is not lent, in bytes.
func (p *buffers) left(use Use) int64 {
	limit := p.limit
	if use == Bulk {
		limit -= limit / 8
	}
	return max(0, limit-p.lent.Load())
}

// has reports whether there is memory for a buffer.
func (p *buffers) has(class uint8, use Use) bool {
	return int64(bufferSizes[class]) <= p.left(use)
}

// get lends a buffer, or nil over the limit.
func (p *buffers) get(size int, use Use) *Buffer {
	class := classOf(size)
	if !p.has(class, use) {
		return nil
	}
	return p.must(class)
}

// share returns how much one connection may hold ahead of its client: an
// eighth of what is left. So n connections that take all they may leave 8/(8+n)
// of the memory to the next one, however slow they are (the dynamic threshold
// of Choudhury and Hahne, IEEE/ACM Transactions on Networking 6(2), 1998).
func (p *buffers) share() int {
	return int(p.left(Bulk) / 8)
}

// must lends a buffer whatever the limit says.
func (p *buffers) must(class uint8) *Buffer {
	p.lent.Add(int64(bufferSizes[class]))
	if last := len(p.free[class]) - 1; last >= 0 {
		b := p.free[class][last]
		p.free[class][last] = nil
		p.free[class] = p.free[class][:last]
		p.kept -= int64(len(b.Bytes))
		return b
	}
	return &Buffer{Bytes: make([]byte, bufferSizes[class]), class: class}
}

func (p *buffers) put(b *Buffer) {
	size := int64(len(b.Bytes))
	b.sent, b.len = 0, 0
	p.lent.Add(-size)
	if p.kept+size <= p.limit/4 && p.lent.Load()+p.kept+size <= p.limit {
		p.free[b.class] = append(p.free[b.class], b)
		p.kept += size
	}
}

// idle reports whether any buffer is free.
func (p *buffers) idle() bool {
	for _, free := range p.free {
		if len(free) > 0 {
			return true
		}
	}
	return false
}

// trim lets go of every free buffer.
func (p *buffers) trim() {
	clear(p.free[:])
	p.kept = 0
}

// trimmer trims what a loop keeps when its timer is due.
type trimmer struct{ loop *Loop }

func (t trimmer) expire(time.Time) {
	t.loop.buffers.trim()
	t.loop.flows = nil
	if t.loop.jobs == 0 && t.loop.buffers.lent.Load() == 0 {
		go debug.FreeOSMemory() // the runtime alone would keep it for minutes
	}
}

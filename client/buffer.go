package client

import (
	"sync"
	"sync/atomic"

	"ftpd/protocol"
)

// buffer is memory lent by a pool. Whoever holds it may free it, once; one
// that is lost with a connection is left to the garbage collector.
type buffer struct {
	b      []byte
	others atomic.Int32 // that hold it too
}

// share gives the buffer one more holder.
func (b *buffer) share() { b.others.Add(1) }

// All connections share the pools: they hold memory between transfers, and no
// state.
var (
	controlBuffers = sync.Pool{New: func() any { return &buffer{b: make([]byte, protocol.ControlBuffer)} }}
	blockBuffers   = sync.Pool{New: func() any { return &buffer{b: make([]byte, protocol.BlockBuffer)} }}
)

// getBuffer lends a buffer of at least n bytes; n is at most
// protocol.BlockBuffer.
func getBuffer(n int) *buffer {
	if n <= protocol.ControlBuffer {
		return controlBuffers.Get().(*buffer)
	}
	return blockBuffers.Get().(*buffer)
}

func (b *buffer) free() {
	if b == nil || b.others.Add(-1) >= 0 {
		return
	}
	b.others.Store(0)
	if len(b.b) == protocol.ControlBuffer {
		controlBuffers.Put(b)
	} else {
		blockBuffers.Put(b)
	}
}

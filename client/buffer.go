package client

import (
	"sync"

	"ftpd/protocol"
)

// buffer is memory lent by a pool. Whoever holds it may free it, once; one
// that is lost with a connection is left to the garbage collector.
type buffer struct{ b []byte }

// All connections share the pools: they hold memory between transfers, and no
// state.
var (
	controlBuffers = sync.Pool{New: func() any { return &buffer{make([]byte, protocol.ControlBuffer)} }}
	blockBuffers   = sync.Pool{New: func() any { return &buffer{make([]byte, protocol.BlockBuffer)} }}
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
	switch {
	case b == nil:
	case len(b.b) == protocol.ControlBuffer:
		controlBuffers.Put(b)
	default:
		blockBuffers.Put(b)
	}
}

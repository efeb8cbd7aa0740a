package client

import (
	"net"

	"ftpd/protocol"
)

// lendFrom is the size of a payload from which on its buffer is handed over
// with it; a smaller one is copied.
const lendFrom = 32 << 10

// receiver cuts what a server sends into frames. One goroutine uses it at a
// time: first the one that dials, then the connection's reader.
type receiver struct {
	conn    net.Conn
	decoder protocol.Decoder
	buffer  *buffer // attached to the decoder
	greeted int     // bytes that were sent before the connection's writer began
	shared  *buffer // holds small payloads, one behind another; nil before the first
	used    int     // of shared
}

func newReceiver(conn net.Conn) *receiver {
	in := &receiver{conn: conn, decoder: protocol.NewDecoder(protocol.Server)}
	in.attach(protocol.ControlBuffer)
	return in
}

// attach gives the decoder a new buffer and returns the old one.
func (in *receiver) attach(size int) *buffer {
	old := in.buffer
	in.buffer = getBuffer(size)
	in.decoder.Attach(in.buffer.b)
	return old
}

// read waits for bytes and returns how many came.
func (in *receiver) read() (int, error) {
	if need := in.decoder.Need(); need > in.decoder.Cap() {
		in.attach(need).free()
	}
	n, err := in.conn.Read(in.decoder.Space())
	in.decoder.Advance(n)
	if n > 0 {
		return n, nil // an error comes again
	}
	return 0, err
}

// next takes a frame if one is complete. It is valid until the next read.
func (in *receiver) next() (protocol.Frame, bool, error) { return in.decoder.Next() }

// keep makes the payload of a frame just taken last: it moves to a buffer of
// its own, or the buffer it lies in is handed over, whichever copies less.
func (in *receiver) keep(payload []byte) ([]byte, *buffer) {
	if len(payload) < max(lendFrom, in.decoder.Buffered()) {
		b := getBuffer(len(payload))
		return b.b[:copy(b.b, payload)], b
	}
	return payload, in.attach(len(in.buffer.b)) // blocks follow blocks
}

// pack copies a small payload behind others, into a buffer that they share.
func (in *receiver) pack(payload []byte) ([]byte, *buffer) {
	if in.shared == nil || len(in.shared.b)-in.used < len(payload) {
		in.shared.free()
		in.shared, in.used = getBuffer(protocol.ControlBuffer), 0
	}
	kept := in.shared.b[in.used:][:len(payload):len(payload)]
	in.used += copy(kept, payload)
	in.shared.share()
	return kept, in.shared
}

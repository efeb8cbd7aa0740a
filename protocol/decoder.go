package protocol

// Frame is a header and its payload, which aliases the decoder's buffer.
type Frame struct {
	Header
	Payload []byte
}

// Buffer sizes that fit the decoder's needs. A ControlBuffer holds the largest
// control frame, a BlockBuffer the largest DATA frame and the start of the
// next one, by which the decoder learns how much to read then.
const (
	ControlBuffer = MaxControlPayload + 4096
	BlockBuffer   = BlockSize + 4096
)

// Decoder cuts a stream of bytes into frames. It owns no memory: its user lends
// it a buffer with Attach, reads into Space, tells with Advance how much came,
// takes frames with Next, and gets the buffer back with Detach while nothing
// is in it. It survives any split of the stream.
//
// Its methods keep the first error and return it again.
type Decoder struct {
	from   Side
	buf    []byte
	r, w   int // the unread bytes are buf[r:w]
	header Header
	parsed bool // header holds that of the frame at r
	err    error
}

// NewDecoder returns a decoder of what from sends.
func NewDecoder(from Side) Decoder { return Decoder{from: from} }

// Attach replaces the buffer by buf, moves the unread bytes into it and
// returns the old one, whose earlier frames stay intact. buf must hold the
// unread bytes and the frame in progress: see Need.
func (d *Decoder) Attach(buf []byte) (old []byte) {
	old = d.buf
	d.w = copy(buf, d.buf[d.r:d.w])
	d.r = 0
	d.buf = buf
	return old
}

// Detach takes the buffer away and returns it if no byte in it is unread, and
// nil otherwise.
func (d *Decoder) Detach() []byte {
	if d.r != d.w {
		return nil
	}
	old := d.buf
	d.buf, d.r, d.w = nil, 0, 0
	return old
}

// Buffered returns the number of unread bytes.
func (d *Decoder) Buffered() int { return d.w - d.r }

// Bytes returns the unread bytes.
func (d *Decoder) Bytes() []byte { return d.buf[d.r:d.w] }

// Cap returns the size of the attached buffer; 0 is none.
func (d *Decoder) Cap() int { return len(d.buf) }

// Need returns the size of buffer that the frame in progress takes: at least
// ControlBuffer, and BlockBuffer for a larger DATA frame.
func (d *Decoder) Need() int {
	if h, ok, err := d.Peek(); err == nil && ok && HeaderLen+int(h.Length) > ControlBuffer {
		return BlockBuffer
	}
	return ControlBuffer
}

// Space returns where to read the next bytes to. For a large frame it ends
// where the header of the frame after it does, so that large frames fill a
// buffer each and need not be moved. It is empty only while a whole frame is
// unread or the buffer is smaller than Need.
func (d *Decoder) Space() []byte {
	if d.r == d.w {
		d.r, d.w = 0, 0
	}
	end := len(d.buf)
	if h, ok, err := d.Peek(); err == nil && ok {
		total := HeaderLen + int(h.Length)
		if d.r+total > end && d.r > 0 {
			d.w = copy(d.buf, d.buf[d.r:d.w])
			d.r = 0
		}
		if total > ControlBuffer {
			end = min(end, d.r+total+DataOverhead)
		}
	} else if d.w == end {
		d.w = copy(d.buf, d.buf[d.r:d.w])
		d.r = 0
	}
	return d.buf[d.w:end]
}

// Advance tells that n bytes were read into Space.
func (d *Decoder) Advance(n int) { d.w += n }

// Peek returns the header of the next frame without taking it, and whether
// enough has arrived to know it. A bad header is an error as soon as its
// twelve bytes are there.
func (d *Decoder) Peek() (Header, bool, error) {
	if d.err != nil || d.parsed {
		return d.header, d.parsed, d.err
	}
	if d.w-d.r < HeaderLen {
		return Header{}, false, nil
	}
	d.header, d.err = parseHeader(d.buf[d.r:d.w], d.from)
	d.parsed = d.err == nil
	return d.header, d.parsed, d.err
}

// Next takes the next frame if it is complete. The frame is valid until the
// next call of Space or until the buffer is used again.
func (d *Decoder) Next() (Frame, bool, error) {
	h, ok, err := d.Peek()
	if err != nil || !ok || d.w-d.r < HeaderLen+int(h.Length) {
		return Frame{}, false, err
	}
	start := d.r + HeaderLen
	d.r = start + int(h.Length)
	d.parsed = false
	return Frame{Header: h, Payload: d.buf[start:d.r:d.r]}, true, nil
}

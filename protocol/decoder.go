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

	// blockRead is the frame of a full block and what precedes the next block.
	blockRead = DataOverhead + BlockSize + DataOverhead
)

// Decoder cuts a stream of bytes into frames. It owns no memory: its user lends
// it a buffer with Attach, reads into Space, tells with Advance how much came,
// takes frames with Next, and gets the buffer back with Detach while nothing
// is in it. It survives any split of the stream.
//
// The first error sticks: Peek and Next return it from then on. A Decoder
// must not be copied once a buffer is attached.
type Decoder struct {
	from   Side
	buf    []byte
	r, w   int // the unread bytes are buf[r:w]
	header Header
	parsed bool // header holds that of the frame at r
	taken  uint64
	err    error
}

// NewDecoder returns a decoder of what from sends.
func NewDecoder(from Side) Decoder { return Decoder{from: from} }

// Attach replaces the buffer by buf, copies the unread bytes into it and
// returns the old one, in which frames already taken stay intact. buf should
// hold the frame in progress: see Need. Attach panics if it has no room for
// the unread bytes, for losing one would shift every frame that follows.
func (d *Decoder) Attach(buf []byte) (old []byte) {
	if len(buf) < d.Buffered() {
		panic("protocol: the buffer is smaller than the unread bytes")
	}
	old = d.buf
	d.w = copy(buf, d.buf[d.r:d.w])
	d.r = 0
	d.buf = buf
	return old
}

// Detach takes the buffer away and returns it if no byte in it is unread, and
// nil otherwise. Frames already taken stay intact in it.
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

// Pending returns the size of the frame in progress with its header, as far as it
// is known: HeaderLen before the header is complete, and 0 where nothing is unread.
func (d *Decoder) Pending() int {
	if d.Buffered() == 0 {
		return 0
	}
	if h, ok, err := d.Peek(); err == nil && ok {
		return HeaderLen + int(h.Length)
	}
	return HeaderLen
}

// Space returns where to read the next bytes to, and may move the unread ones.
// It never reaches further behind a large frame than the bytes that precede
// the next one's block, so that blocks which follow each other fill a buffer
// each and are not moved: at most DataOverhead bytes are. It can be empty
// while a whole frame is unread, and is where the buffer is smaller than Need
// or the stream is in error and fills it.
func (d *Decoder) Space() []byte {
	h, ok, err := d.Peek()
	switch {
	case err != nil:
		return d.buf[d.w:]
	case !ok: // fewer than HeaderLen bytes, cheap to move
		d.compact()
		return d.buf[d.w:min(len(d.buf), blockRead)]
	}
	total := HeaderLen + int(h.Length)
	if d.r+total > len(d.buf) {
		d.compact()
	}
	end := len(d.buf)
	if total > ControlBuffer {
		end = min(end, max(d.w, d.r+total+DataOverhead))
	}
	return d.buf[d.w:end]
}

// compact moves the unread bytes to the start of the buffer.
func (d *Decoder) compact() {
	if d.r > 0 {
		d.w = copy(d.buf, d.buf[d.r:d.w])
		d.r = 0
	}
}

// Advance tells that n bytes were read into Space; n is at most its length.
func (d *Decoder) Advance(n int) { d.w += n }

// Peek returns the header of the next frame without taking it, and whether
// enough has arrived to know it. A bad header is an error as soon as its bytes
// are there.
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

// Taken returns how many bytes the frames had that Next has returned so far.
func (d *Decoder) Taken() uint64 { return d.taken }

// Next takes the next frame if it is complete and not damaged. The frame is valid
// until the next call of Space or until the buffer is used again.
func (d *Decoder) Next() (Frame, bool, error) {
	h, ok, err := d.Peek()
	if err != nil || !ok || d.w-d.r < HeaderLen+int(h.Length) {
		return Frame{}, false, err
	}
	start := d.r + HeaderLen
	end := start + int(h.Length)
	f := Frame{Header: h, Payload: d.buf[start:end:end]}
	if d.err = intact(d.buf[d.r:start], h.Opcode, f.Payload); d.err != nil {
		d.header, d.parsed = Header{}, false
		return Frame{}, false, d.err
	}
	d.taken += uint64(end - d.r)
	d.r = end
	d.parsed = false
	return f, true, nil
}

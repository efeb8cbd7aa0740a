package protocol

import (
	"bytes"
	"encoding/binary"
	"errors"
	"testing"
)

// blockFrame returns the DATA frame of the block with a number, all of whose
// bytes tell it.
func blockFrame(number, size int) []byte {
	block := bytes.Repeat([]byte{byte(number)}, size)
	return Append(nil, 1, Data{Offset: uint64(number) * BlockSize, Digest: Digest{byte(number)}, Bytes: block})
}

func blockStream(n int) []byte {
	var stream []byte
	for i := range n {
		stream = append(stream, blockFrame(i, BlockSize)...)
	}
	return stream
}

// fill reads as much as Space takes, at most n bytes, and returns the rest of
// the stream and how many unread bytes Space moved.
func fill(d *Decoder, stream []byte, n int) (rest []byte, moved int) {
	before, unread := d.r, d.Buffered()
	space := d.Space()
	if d.r != before {
		moved = unread
	}
	n = copy(space[:min(len(space), n)], stream)
	d.Advance(n)
	return stream[n:], moved
}

func TestDecoderReadsConsecutiveBlocksInPlace(t *testing.T) {
	const blocks = 20
	for _, size := range []int{1 << 30, DataOverhead + BlockSize, 100_000, 5000, 37, 11} {
		d := NewDecoder(Client)
		d.Attach(make([]byte, BlockBuffer))
		stream := blockStream(blocks)
		reads, frames, moves := 0, 0, 0
		for len(stream) > 0 {
			left, moved := fill(&d, stream, size)
			if len(left) == len(stream) {
				t.Fatalf("reads of %d: no space", size)
			}
			stream = left
			reads++
			if moved > DataOverhead {
				t.Fatalf("reads of %d: moved %d bytes", size, moved)
			}
			moves += moved
			for f, ok, err := d.Next(); ok || err != nil; f, ok, err = d.Next() {
				if err != nil || f.Payload[len(f.Payload)-1] != byte(frames) {
					t.Fatalf("frame %d: %v", frames, err)
				}
				frames++
			}
		}
		if frames != blocks || size == 1<<30 && reads != blocks {
			t.Errorf("reads of %d: %d frames of %d in %d reads", size, frames, blocks, reads)
		}
		if size == 1<<30 && moves != (blocks-1)*DataOverhead {
			t.Errorf("moved %d bytes in all, want what precedes each block", moves)
		}
	}
}

func TestDecoderGrowsFromControlToBlock(t *testing.T) {
	stream := append(Append(nil, 7, List{Path: "before"}), blockFrame(5, BlockSize)...)
	d := NewDecoder(Client)
	if d.Cap() != 0 || d.Need() != ControlBuffer || len(d.Space()) != 0 {
		t.Fatalf("an idle decoder has cap %d, need %d", d.Cap(), d.Need())
	}
	d.Attach(make([]byte, ControlBuffer))
	rest, _ := fill(&d, stream, 1<<30)
	small, ok, err := d.Next()
	if !ok || err != nil || d.Need() != BlockBuffer {
		t.Fatalf("got %v, %v, need %d", ok, err, d.Need())
	}
	old := d.Attach(make([]byte, BlockBuffer))
	if len(old) != ControlBuffer || d.Cap() != BlockBuffer {
		t.Errorf("got a buffer of %d back, have %d", len(old), d.Cap())
	}
	if rest, _ = fill(&d, rest, 1<<30); len(rest) != 0 {
		t.Errorf("%d bytes did not fit", len(rest))
	}
	big, ok, err := d.Next()
	if !ok || err != nil || !bytes.Equal(Seal(append(big.appendTo(nil), big.Payload...)), blockFrame(5, BlockSize)) {
		t.Errorf("the block came as %v, %v", ok, err)
	}
	if m, err := Decode[List](small); err != nil || m.Path != "before" {
		t.Errorf("the frame in the old buffer became %v, %v", m, err)
	}
}

// A whole large frame with more behind it than Space would have read used to
// make Space panic.
func TestSpaceWhileALargeFrameIsUnread(t *testing.T) {
	stream := append(blockFrame(0, BlockSize), blockFrame(1, 4000)...)
	d := NewDecoder(Client)
	d.Attach(make([]byte, BlockBuffer))
	d.Advance(copy(d.buf, stream)) // as after a copy from a larger buffer
	if n := len(d.Space()); n != 0 {
		t.Errorf("space for %d bytes", n)
	}
	for i := range 2 {
		if f, ok, err := d.Next(); !ok || err != nil || f.Payload[dataPrefixLen] != byte(i) {
			t.Errorf("frame %d: %v, %v", i, ok, err)
		}
	}
}

func TestSpaceIsNeverEmptyWithinNeed(t *testing.T) {
	for _, payload := range []int{1, ControlBuffer - DataOverhead - 1, ControlBuffer - DataOverhead, ControlBuffer - DataOverhead + 1, BlockSize} {
		frame := blockFrame(9, payload)
		for lead := range 40 { // bytes of earlier frames in the buffer
			d := NewDecoder(Client)
			stream := append(bytes.Repeat(Append(nil, 1, Cancel{}), lead), frame...)
			got, err := decodeAll(t, &d, stream, chunks()) // fails where Space is empty
			if err != nil || len(got) != lead+1 {
				t.Fatalf("payload %d behind %d frames: %d frames, %v", payload, lead, len(got), err)
			}
		}
	}
}

func TestSpaceIsEmptyInASmallBuffer(t *testing.T) {
	d := NewDecoder(Client)
	d.Attach(make([]byte, ControlBuffer))
	fill(&d, blockFrame(0, BlockSize), 1<<30)
	if n := len(d.Space()); n != 0 || d.Need() <= d.Cap() {
		t.Errorf("space for %d bytes, need %d, cap %d", n, d.Need(), d.Cap())
	}
}

func TestDetach(t *testing.T) {
	buffer := make([]byte, ControlBuffer)
	d := NewDecoder(Client)
	if d.Detach() != nil {
		t.Error("a buffer came from nowhere")
	}
	frame := Append(nil, 1, List{Path: "kept"})
	d.Attach(buffer)
	fill(&d, append(frame, 1), 1<<30)
	if _, ok, err := d.Next(); !ok || err != nil {
		t.Errorf("got %v, %v", ok, err)
	}
	if d.Detach() != nil || d.Cap() == 0 {
		t.Error("detached with a byte unread")
	}
	if !bytes.Equal(d.Bytes(), []byte{1}) || d.Buffered() != 1 {
		t.Errorf("unread: %x", d.Bytes())
	}
	fill(&d, frame[1:], 1<<30)
	if _, ok, err := d.Next(); !ok || err != nil {
		t.Errorf("got %v, %v", ok, err)
	}
	if old := d.Detach(); &old[0] != &buffer[0] || d.Cap() != 0 || len(d.Space()) != 0 {
		t.Error("the buffer did not come back")
	}
	d.Attach(buffer)
	fill(&d, frame, 1<<30)
	f, _, err := d.Next()
	if err != nil || string(f.Payload[2:]) != "kept" {
		t.Errorf("after a new start the frame is %q", f.Payload)
	}
	d.Detach()
	if string(f.Payload[2:]) != "kept" {
		t.Error("Detach touched the frame")
	}
}

func TestAttachRefusesToLoseBytes(t *testing.T) {
	d := NewDecoder(Client)
	d.Attach(make([]byte, ControlBuffer))
	fill(&d, make([]byte, 11), 1<<30)
	d.Attach(make([]byte, 11))
	defer func() {
		if recover() == nil {
			t.Error("a byte was lost without a word")
		}
	}()
	d.Attach(make([]byte, 10))
}

// The bytes of a header are enough to refuse it, and it asks for no
// larger buffer.
func TestOversizedLengthIsRefusedAtTheHeader(t *testing.T) {
	for op := range opcodes {
		row, ok := Opcode(op).row()
		if !ok {
			continue
		}
		for _, length := range []uint32{row.maxPayload + 1, 1 << 31, 1<<32 - 1} {
			header := headerOf(Opcode(op), length)
			d := NewDecoder(row.from)
			d.Attach(make([]byte, HeaderLen))
			fill(&d, header[:HeaderLen-1], 1<<30)
			if _, ok, err := d.Peek(); ok || err != nil {
				t.Errorf("%s: a byte less gave %v, %v", Opcode(op), ok, err)
			}
			fill(&d, header[HeaderLen-1:], 1<<30)
			_, _, err := d.Next()
			if broken, ok := errors.AsType[*ProtocolError](err); !ok || broken.Code != Protocol {
				t.Errorf("%s with %d bytes: %v", Opcode(op), length, err)
			}
			if d.Need() != ControlBuffer || d.Cap() != HeaderLen {
				t.Errorf("%s with %d bytes needs a buffer of %d", Opcode(op), length, d.Need())
			}
		}
	}
}

func headerOf(op Opcode, length uint32) []byte {
	row, _ := op.row()
	var request uint32
	if row.scope == ofRequest {
		request = 1
	}
	return Seal(Header{Opcode: op, Request: request, Length: length}.appendTo(nil))
}

func TestPayloadRangeOfEveryOpcode(t *testing.T) {
	for op := range opcodes {
		row, ok := Opcode(op).row()
		if !ok {
			continue
		}
		for length, legal := range map[uint32]bool{
			row.minPayload: true, row.maxPayload: true, row.maxPayload + 1: false,
			row.minPayload - 1: false, // that of 0 wraps, and is too long then
		} {
			if _, err := parseHeader(headerOf(Opcode(op), length), row.from); (err == nil) != legal {
				t.Errorf("%s with %d bytes: %v", Opcode(op), length, err)
			}
		}
	}
}

func TestFlagsOfEveryOpcode(t *testing.T) {
	for op := range opcodes {
		row, ok := Opcode(op).row()
		if !ok {
			continue
		}
		for bit := range 16 {
			header := headerOf(Opcode(op), row.minPayload)
			binary.BigEndian.PutUint16(header[2:], 1<<bit)
			_, err := parseHeader(Seal(header), row.from)
			if legal := row.flags&(1<<bit) != 0; (err == nil) != legal {
				t.Errorf("%s with flag 0x%04x: %v", Opcode(op), 1<<bit, err)
			}
		}
	}
}

func TestErrorSticks(t *testing.T) {
	good := Append(nil, 1, Cancel{})
	d := NewDecoder(Client)
	d.Attach(make([]byte, ControlBuffer))
	fill(&d, append(good, headerOf(0xff, 0)...), 1<<30)
	if _, ok, err := d.Next(); !ok || err != nil {
		t.Fatalf("the frame before: %v, %v", ok, err)
	}
	_, _, first := d.Next()
	if first == nil {
		t.Fatal("an unknown opcode was accepted")
	}
	fill(&d, good, 1<<30)
	if _, ok, err := d.Next(); ok || !errors.Is(err, first) {
		t.Errorf("then got %v, %v", ok, err)
	}
	if _, ok, err := d.Peek(); ok || !errors.Is(err, first) {
		t.Errorf("Peek gives %v, %v", ok, err)
	}
	for len(d.Space()) > 0 {
		d.Advance(len(d.Space()))
	}
	if d.Buffered() != ControlBuffer-HeaderLen || d.Need() != ControlBuffer {
		t.Errorf("%d bytes unread, need %d", d.Buffered(), d.Need())
	}
}

func TestPeekTakesNothing(t *testing.T) {
	d := NewDecoder(Client)
	d.Attach(make([]byte, ControlBuffer))
	fill(&d, Append(nil, 3, List{Path: "abc"}), HeaderLen)
	for range 2 {
		if h, ok, err := d.Peek(); !ok || err != nil || h != (Header{Opcode: OpList, Request: 3, Length: 5}) {
			t.Errorf("got %+v, %v, %v", h, ok, err)
		}
	}
	if _, ok, err := d.Next(); ok || err != nil || d.Buffered() != HeaderLen {
		t.Errorf("an incomplete frame: %v, %v", ok, err)
	}
}

// A payload cannot be appended to: the next frame lies behind it.
func TestPayloadIsCapped(t *testing.T) {
	d := NewDecoder(Client)
	d.Attach(make([]byte, ControlBuffer))
	fill(&d, bytes.Repeat(Append(nil, 3, List{Path: "abc"}), 2), 1<<30)
	f, _, _ := d.Next()
	_ = append(f.Payload, "overwritten"...)
	if f, _, err := d.Next(); err != nil || string(f.Payload[2:]) != "abc" {
		t.Errorf("the next frame is %q, %v", f.Payload, err)
	}
}

func TestNeedAtItsBoundary(t *testing.T) {
	for extra, want := range []int{ControlBuffer, BlockBuffer} {
		d := NewDecoder(Client)
		d.Attach(make([]byte, ControlBuffer))
		fill(&d, blockFrame(0, ControlBuffer-DataOverhead+extra), DataOverhead)
		if d.Need() != want {
			t.Errorf("a frame of ControlBuffer+%d bytes needs %d", extra, d.Need())
		}
	}
}

package protocol

import "encoding/binary"

const (
	// dataPrefixLen is the part of a DATA payload before the bytes.
	dataPrefixLen = 8 + DigestLen
	// DataOverhead is what the frame of a block adds to its bytes.
	DataOverhead = HeaderLen + dataPrefixLen
)

// finishFrame writes the length and the checks of the frame that begins at start
// and reaches to the end of b.
func finishFrame(b []byte, start int) []byte {
	binary.BigEndian.PutUint32(b[start+lengthAt:], uint32(len(b)-start-HeaderLen))
	Seal(b[start:])
	return b
}

// PutDataHeader writes the DataOverhead bytes that go before the bytes of a
// DATA frame, so that a block can be read straight into its place behind them.
// The block has n bytes, 1 to BlockSize, and the given digest. It panics if b
// has no room for DataOverhead bytes.
func PutDataHeader(b []byte, request uint32, offset uint64, digest Digest, n int) {
	b = Header{Opcode: OpData, Request: request, Length: uint32(dataPrefixLen + n)}.appendTo(b[:0:DataOverhead])
	b = binary.BigEndian.AppendUint64(b, offset)
	Seal(append(b, digest[:]...)) // in place: the room was checked above
}

// BlockEnd returns where the piece that begins at offset ends: at the next
// block boundary or at end, whichever comes first. Neither is more than
// MaxFileSize.
func BlockEnd(offset, end uint64) uint64 {
	return min(end, offset-offset%BlockSize+BlockSize)
}

// EntriesEncoder gathers the entries of a listing into one ENTRIES frame.
type EntriesEncoder struct {
	b     []byte
	start int
}

// Begin starts a frame at the end of b.
func (e *EntriesEncoder) Begin(b []byte, request uint32) {
	e.start = len(b)
	e.b = Header{Opcode: OpEntries, Request: request}.appendTo(b)
}

// Add appends an entry and reports whether it fitted, both into the payload
// and into the capacity of b; an entry that did not fit leaves no trace.
func (e *EntriesEncoder) Add(entry *Entry) bool {
	n := entry.wireLen()
	if len(e.b)-e.start-HeaderLen+n > MaxControlPayload || len(e.b)+n > cap(e.b) {
		return false
	}
	e.b = entry.appendTo(e.b)
	return true
}

// Finish returns b with the frame appended.
func (e *EntriesEncoder) Finish() []byte { return finishFrame(e.b, e.start) }

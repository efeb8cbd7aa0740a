package protocol

import (
	"encoding/binary"
	"hash/crc32"
)

// Version is the first byte of every frame. It is a control character, so
// that no text protocol can begin with it.
const Version = 1

// HeaderLen is the size of a frame's header.
const HeaderLen = headerCheckAt + sizeofHeaderCheck

const (
	sizeofVersion      = 1
	sizeofOpcode       = 1
	sizeofFlags        = 2
	sizeofRequest      = 4
	sizeofLength       = 4
	sizeofPayloadCheck = 4
	sizeofHeaderCheck  = 4

	lengthAt       = sizeofVersion + sizeofOpcode + sizeofFlags + sizeofRequest
	payloadCheckAt = lengthAt + sizeofLength
	headerCheckAt  = payloadCheckAt + sizeofPayloadCheck
)

// Flags are the bits of a header that an opcode gives a meaning; every other
// bit is zero.
type Flags uint16

// The flags of each request.
const (
	// ListRecursive lists the whole tree below the path.
	ListRecursive Flags = 1 << 0

	// StatNoFollow describes a symbolic link itself.
	StatNoFollow Flags = 1 << 0

	// GetIfMatch sends the file only if it still has the given etag.
	GetIfMatch Flags = 1 << 0

	// PutCreateOnly fails with exists where the path is taken.
	PutCreateOnly Flags = 1 << 0
	// PutIfMatch replaces only a file that has the given etag.
	PutIfMatch Flags = 1 << 1
	// PutEager sends DATA without waiting for READY, and gets none.
	PutEager Flags = 1 << 2
	// PutParents makes missing parent directories.
	PutParents Flags = 1 << 3
	// PutSpread asks that the blocks may come by PutJoin, on any connection.
	PutSpread Flags = 1 << 4
	// PutJoin brings some blocks of the file of a PutSpread in flight.
	PutJoin Flags = 1 << 5

	// ReadyRestarted says that what an earlier PUT of the source left is of
	// another version and was given up.
	ReadyRestarted Flags = 1 << 0
	// ReadyAgain asks for one block that came damaged, and nothing else.
	ReadyAgain Flags = 1 << 1
	// ReadySpread says that all blocks come by PutJoin.
	ReadySpread Flags = 1 << 2

	// MkdirParents makes missing parents and accepts an existing directory.
	MkdirParents Flags = 1 << 0

	// RemoveRecursive removes a directory with all it holds.
	RemoveRecursive Flags = 1 << 0

	// RenameNoReplace fails with exists where the new path is taken.
	RenameNoReplace Flags = 1 << 0
	// RenameParents makes missing parent directories of the new path.
	RenameParents Flags = 1 << 1
)

// Header is the fixed start of every frame.
type Header struct {
	Opcode  Opcode
	Flags   Flags
	Request uint32 // the request it belongs to; 0 for the connection itself
	Length  uint32 // of the payload, in bytes
}

// appendTo appends h, with room for the checks that Seal writes.
func (h Header) appendTo(b []byte) []byte {
	b = append(b, Version, byte(h.Opcode))
	b = binary.BigEndian.AppendUint16(b, uint16(h.Flags))
	b = binary.BigEndian.AppendUint32(b, h.Request)
	b = binary.BigEndian.AppendUint32(b, h.Length)
	return append(b, make([]byte, sizeofPayloadCheck+sizeofHeaderCheck)...)
}

// castagnoli is the polynomial of CRC-32C, which processors compute (RFC 3720,
// 12.1).
var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Seal writes the checks of the frame that is b and returns it: of a frame that was
// not made by Append but byte by byte. Of DATA only what precedes the bytes need be
// there. It panics where b is shorter than a header.
func Seal(b []byte) []byte {
	binary.BigEndian.PutUint32(b[payloadCheckAt:], payloadCheck(Opcode(b[1]), b[HeaderLen:]))
	binary.BigEndian.PutUint32(b[headerCheckAt:], crc32.Checksum(b[:headerCheckAt], castagnoli))
	return b
}

// payloadCheck returns the check of a payload: of all of it, but of DATA without the
// bytes, which have a digest.
func payloadCheck(op Opcode, payload []byte) uint32 {
	if op == OpData {
		payload = payload[:min(len(payload), dataPrefixLen)]
	}
	return crc32.Checksum(payload, castagnoli)
}

// intact tells whether a payload is what the header in b says.
func intact(b []byte, op Opcode, payload []byte) error {
	if payloadCheck(op, payload) != binary.BigEndian.Uint32(b[payloadCheckAt:]) {
		return protocolErrorf(Integrity, "%s arrived damaged", op)
	}
	return nil
}

// FrameLen returns the size of the frame whose header is at the start of b, as the
// header has it, unchecked: for what looks at a stream from outside. It panics where
// b is shorter than a header.
func FrameLen(b []byte) int {
	return HeaderLen + int(binary.BigEndian.Uint32(b[lengthAt:payloadCheckAt]))
}

// parseHeader reads the header at the start of b, which holds at least
// HeaderLen bytes, and checks it as a frame sent by from.
func parseHeader(b []byte, from Side) (Header, error) {
	if b[0] != Version {
		return Header{}, protocolErrorf(Unsupported, "version %d of the protocol is not spoken here, only %d", b[0], Version)
	}
	if crc32.Checksum(b[:headerCheckAt], castagnoli) != binary.BigEndian.Uint32(b[headerCheckAt:]) {
		return Header{}, protocolErrorf(Integrity, "a frame's header arrived damaged")
	}
	h := Header{
		Opcode:  Opcode(b[1]),
		Flags:   Flags(binary.BigEndian.Uint16(b[2:])),
		Request: binary.BigEndian.Uint32(b[4:]),
		Length:  binary.BigEndian.Uint32(b[lengthAt:]),
	}
	return h, h.check(from)
}

// check tells whether h is a legal header for its opcode.
func (h Header) check(from Side) error {
	row, ok := h.Opcode.row()
	switch {
	case !ok:
		return protocolErrorf(Protocol, "%s is unknown", h.Opcode)
	case row.from&from == 0:
		return protocolErrorf(Protocol, "%s is not sent by this side", h.Opcode)
	case row.scope == ofConnection && h.Request != 0:
		return protocolErrorf(Protocol, "%s belongs to the connection, not to request %d", h.Opcode, h.Request)
	case row.scope == ofRequest && h.Request == 0:
		return protocolErrorf(Protocol, "%s carries no request number", h.Opcode)
	case h.Flags&^row.flags != 0:
		return protocolErrorf(Protocol, "%s has unknown flags 0x%04x", h.Opcode, uint16(h.Flags&^row.flags))
	case h.Length < row.minPayload || h.Length > row.maxPayload:
		return protocolErrorf(Protocol, "%s has a payload of %d bytes, not %d to %d", h.Opcode, h.Length, row.minPayload, row.maxPayload)
	}
	return nil
}

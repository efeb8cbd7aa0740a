package protocol

import "encoding/binary"

// Get asks for a file or a range of it: META, DATA as often as needed, END.
type Get struct {
	Flags  Flags  // GetIfMatch
	Offset uint64 // where the range begins, in bytes; past the end is an empty range
	Length uint64 // of the range, in bytes; SizeUnknown is all that follows
	ETag   ETag   // what the file must still be, with GetIfMatch
	Path   string
}

// Opcode returns OpGet.
func (Get) Opcode() Opcode { return OpGet }

func (m Get) flags() Flags { return m.Flags }

func (m Get) appendPayload(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, m.Offset)
	b = binary.BigEndian.AppendUint64(b, m.Length)
	b = binary.BigEndian.AppendUint64(b, uint64(m.ETag))
	return appendText(b, m.Path)
}

func (m Get) decode(f Frame) (Get, error) {
	c := newCursor(f, OpGet)
	m.Flags = f.Flags
	m.Offset = c.uint64()
	m.Length = c.uint64()
	m.ETag = ETag(c.uint64())
	m.Path = c.text("path", MaxPath)
	if m.Offset > MaxFileSize {
		c.fail("begins at %d, past the largest file", m.Offset)
	}
	if m.Length != SizeUnknown && m.Length > MaxFileSize-m.Offset {
		c.fail("asks for %d bytes at %d, past the largest file", m.Length, m.Offset)
	}
	return m, c.finish()
}

// Put stores a file: the client sends DATA as often as needed and END, and the
// server answers READY (unless PutEager) and at last OK. With PutJoin it brings some
// blocks of the file of another Put, one with PutSpread, and the answer is OK.
type Put struct {
	Flags   Flags  // PutCreateOnly, PutIfMatch, PutEager, PutParents, PutSpread, PutJoin
	Size    uint64 // in bytes, or SizeUnknown
	Mtime   int64  // nanoseconds since 1970-01-01 UTC, or NoTime
	Mode    uint32 // permission bits; 0 is the server's default
	ETag    ETag   // what the path must still be, with PutIfMatch
	Source  uint64 // tells the file that is sent from any other; 0 where it is not to be resumed
	Version uint64 // differs between any two contents of the source
	Path    string
}

// putLen is the part of a PUT payload before the path.
const putLen = 8 + 8 + 4 + 8 + 8 + 8

// Opcode returns OpPut.
func (Put) Opcode() Opcode { return OpPut }

func (m Put) flags() Flags { return m.Flags }

func (m Put) appendPayload(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, m.Size)
	b = binary.BigEndian.AppendUint64(b, uint64(m.Mtime))
	b = binary.BigEndian.AppendUint32(b, m.Mode)
	b = binary.BigEndian.AppendUint64(b, uint64(m.ETag))
	b = binary.BigEndian.AppendUint64(b, m.Source)
	b = binary.BigEndian.AppendUint64(b, m.Version)
	return appendText(b, m.Path)
}

func (m Put) decode(f Frame) (Put, error) {
	c := newCursor(f, OpPut)
	m.Flags = f.Flags
	m.Size = c.uint64()
	m.Mtime = int64(c.uint64())
	m.Mode = c.mode()
	m.ETag = ETag(c.uint64())
	m.Source = c.uint64()
	m.Version = c.uint64()
	m.Path = c.text("path", MaxPath)
	if m.Size != SizeUnknown && m.Size > MaxFileSize {
		c.fail("has %d bytes, more than the largest file", m.Size)
	}
	return m, c.finish()
}

// Ready lets the client of a PUT send its data from an offset on; with ReadySpread, by
// requests with PutJoin.
type Ready struct {
	Flags  Flags  // ReadyRestarted, ReadyAgain, ReadySpread
	Offset uint64 // in bytes, a multiple of BlockSize; the server already holds what is before it
	Digest Digest // of what is before Offset, as if it were a file; zero where that is nothing
}

// Opcode returns OpReady.
func (Ready) Opcode() Opcode { return OpReady }

func (m Ready) flags() Flags { return m.Flags }

func (m Ready) appendPayload(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, m.Offset)
	return append(b, m.Digest[:]...)
}

func (m Ready) decode(f Frame) (Ready, error) {
	c := newCursor(f, OpReady)
	m.Flags = f.Flags
	if m.Offset = c.uint64(); m.Offset > MaxFileSize || m.Offset%BlockSize != 0 {
		c.fail("continues at %d, which is no start of a block", m.Offset)
	}
	copy(m.Digest[:], c.take(DigestLen))
	if m.Offset == 0 && m.Digest != (Digest{}) {
		c.fail("has a digest of what is before the first byte")
	}
	return m, c.finish()
}

// Data is one block of a file, or one piece of a block where a range begins
// or ends inside it.
type Data struct {
	none
	Offset uint64 // of Bytes in the file
	Digest Digest // the BlockDigest of Bytes
	Bytes  []byte // 1 to BlockSize bytes, not across a block boundary
}

// Opcode returns OpData.
func (Data) Opcode() Opcode { return OpData }

func (m Data) appendPayload(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, m.Offset)
	b = append(b, m.Digest[:]...)
	return append(b, m.Bytes...)
}

func (m Data) decode(f Frame) (Data, error) {
	c := newCursor(f, OpData)
	m.Offset = c.uint64()
	copy(m.Digest[:], c.take(DigestLen))
	m.Bytes = c.take(len(c.rest))
	n := uint64(len(m.Bytes))
	if m.Offset > MaxFileSize-n {
		c.fail("has %d bytes at %d, past the largest file", n, m.Offset)
	}
	if m.Offset%BlockSize+n > BlockSize {
		c.fail("has %d bytes at %d, across a block boundary", n, m.Offset)
	}
	return m, c.finish()
}

// Verify reports whether the bytes have their digest.
func (m Data) Verify() bool { return BlockDigest(m.Bytes) == m.Digest }

const endLen = 8 + 8 + 1 + DigestLen

// longEndLen is that of the longest digest.
const longEndLen = 8 + 8 + 1 + SHA256Len

// End follows the last DATA of a transfer, or answers SUM.
type End struct {
	none
	Size      uint64 // bytes that the digest covers
	ETag      ETag   // of the file that was sent; 0 from a client
	Algorithm Algorithm
	Digest    Digest          // with XXH3Tree: over the blocks of this transfer; of a resumed PUT, what Tree.Continue makes of READY's and them
	SHA256    [SHA256Len]byte // with SHA256, which only answers a SUM
}

// Opcode returns OpEnd.
func (End) Opcode() Opcode { return OpEnd }

func (m End) appendPayload(b []byte) []byte {
	b = binary.BigEndian.AppendUint64(b, m.Size)
	b = binary.BigEndian.AppendUint64(b, uint64(m.ETag))
	b = append(b, byte(m.Algorithm))
	if m.Algorithm == SHA256 {
		return append(b, m.SHA256[:]...)
	}
	return append(b, m.Digest[:]...)
}

func (m End) decode(f Frame) (End, error) {
	c := newCursor(f, OpEnd)
	if m.Size = c.uint64(); m.Size > MaxFileSize {
		c.fail("has %d bytes, more than the largest file", m.Size)
	}
	m.ETag = ETag(c.uint64())
	switch m.Algorithm = Algorithm(c.uint8()); m.Algorithm {
	case XXH3Tree:
		copy(m.Digest[:], c.take(DigestLen))
	case SHA256:
		copy(m.SHA256[:], c.take(SHA256Len))
	default:
		c.fail("has a digest by the unknown algorithm %d", m.Algorithm)
	}
	return m, c.finish()
}

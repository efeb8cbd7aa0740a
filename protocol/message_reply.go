package protocol

import "encoding/binary"

// ETag is a version of a path's content: two different contents of a path
// have different etags. Zero is none.
type ETag uint64

// Kind says what a path names.
type Kind uint8

// The kinds.
const (
	File Kind = iota + 1
	Directory
	Symlink
	Special // a device, a socket, a named pipe
)

// modeMask keeps what of a mode travels: permissions, never setuid, setgid or
// the sticky bit.
const modeMask = 0o777

func (c *cursor) mode() uint32 {
	mode := c.uint32()
	if mode&^modeMask != 0 {
		c.fail("has the mode 0%o, with more than permission bits", mode)
	}
	return mode
}

func (c *cursor) kind() Kind {
	kind := Kind(c.uint8())
	if kind < File || kind > Special {
		c.fail("has the unknown kind %d", kind)
	}
	return kind
}

// code reads why something failed. A number this version has no name for is
// kept: the peer may be newer.
func (c *cursor) code() Code {
	code := Code(c.uint8())
	if code == 0 {
		c.fail("carries no code")
	}
	return code
}

const metaLen = 1 + 4 + 8 + 8 + 8

// Meta describes a path. It answers STAT and begins the reply to GET.
type Meta struct {
	none
	Kind   Kind
	Mode   uint32 // permission bits
	Size   uint64 // in bytes
	Mtime  int64  // nanoseconds since 1970-01-01 UTC, or NoTime where 64 bits do not hold it
	ETag   ETag
	Target string // of a symbolic link
}

// Opcode returns OpMeta.
func (Meta) Opcode() Opcode { return OpMeta }

func (m Meta) appendPayload(b []byte) []byte {
	return appendText(m.appendFixed(b), m.Target)
}

func (m Meta) appendFixed(b []byte) []byte {
	b = append(b, byte(m.Kind))
	b = binary.BigEndian.AppendUint32(b, m.Mode)
	b = binary.BigEndian.AppendUint64(b, m.Size)
	b = binary.BigEndian.AppendUint64(b, uint64(m.Mtime))
	return binary.BigEndian.AppendUint64(b, uint64(m.ETag))
}

func (m Meta) decode(f Frame) (Meta, error) {
	c := newCursor(f, OpMeta)
	m = c.meta()
	return m, c.finish()
}

// meta reads a Meta; one also ends each entry of a listing.
func (c *cursor) meta() (m Meta) {
	m.Kind = c.kind()
	m.Mode = c.mode()
	m.Size = c.uint64()
	m.Mtime = int64(c.uint64())
	m.ETag = ETag(c.uint64())
	m.Target = c.text("target", MaxPath)
	if m.Size > MaxFileSize {
		c.fail("has %d bytes, more than the largest file", m.Size)
	}
	return m
}

// Entry is one line of a listing. An entry with a Code names a directory that
// could not be read.
type Entry struct {
	Code Code
	Path string // below the listed directory, with slashes
	Meta
}

func (e *Entry) wireLen() int { return 1 + 2 + len(e.Path) + metaLen + 2 + len(e.Target) }

func (e *Entry) appendTo(b []byte) []byte {
	b = append(b, byte(e.Code))
	b = appendText(b, e.Path)
	return e.appendPayload(b)
}

// Entries is a batch of a listing.
type Entries struct {
	none
	List []Entry
}

// Opcode returns OpEntries.
func (Entries) Opcode() Opcode { return OpEntries }

func (m Entries) appendPayload(b []byte) []byte {
	for i := range m.List {
		b = m.List[i].appendTo(b)
	}
	return b
}

func (m Entries) decode(f Frame) (Entries, error) {
	c := newCursor(f, OpEntries)
	for len(c.rest) > 0 && c.err == nil {
		var e Entry
		e.Code = Code(c.uint8())
		e.Path = c.text("path", MaxPath)
		e.Meta = c.meta()
		m.List = append(m.List, e)
	}
	return m, c.finish()
}

// OK ends a request that succeeded.
type OK struct {
	none
	Count uint64 // what it touched: entries listed or removed, bytes stored
	ETag  ETag   // of what a PUT stored; 0 otherwise
}

// Opcode returns OpOK.
func (OK) Opcode() Opcode { return OpOK }

func (m OK) appendPayload(b []byte) []byte {
	return binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(b, m.Count), uint64(m.ETag))
}

func (m OK) decode(f Frame) (OK, error) {
	c := newCursor(f, OpOK)
	m.Count = c.uint64()
	m.ETag = ETag(c.uint64())
	return m, c.finish()
}

// Error ends a request that failed; for request 0 it ends the connection.
type Error struct {
	none
	Code    Code
	Retry   bool   // whether the same request may succeed later
	Message string // one sentence for people
}

// Opcode returns OpError.
func (Error) Opcode() Opcode { return OpError }

func (m Error) appendPayload(b []byte) []byte {
	var retry byte
	if m.Retry {
		retry = 1
	}
	return appendSentence(append(b, byte(m.Code), retry), m.Message)
}

func (m Error) decode(f Frame) (Error, error) {
	c := newCursor(f, OpError)
	m.Code = c.code()
	m.Retry = c.flag("retry")
	m.Message = c.text("sentence", MaxSentence)
	return m, c.finish()
}

package protocol

import (
	"encoding/binary"
	"unicode/utf8"
)

// cursor reads a payload from front to back. Its first error sticks and makes
// every later read return zero, so that decoders read straight down and check
// once.
type cursor struct {
	op   Opcode
	rest []byte
	err  error
}

// newCursor returns a cursor on the payload of f, which has to be an op.
func newCursor(f Frame, op Opcode) cursor {
	c := cursor{op: f.Opcode, rest: f.Payload}
	if f.Opcode != op {
		c.fail("is not %s", op)
	}
	return c
}

func (c *cursor) fail(format string, args ...any) {
	if c.err == nil {
		args = append([]any{c.op}, args...)
		c.err = protocolErrorf(Protocol, "%s "+format, args...)
	}
}

// take returns the next n bytes; they alias the payload.
func (c *cursor) take(n int) []byte {
	if c.err != nil {
		return nil
	}
	if n > len(c.rest) {
		c.fail("ends %d bytes short of a field", n-len(c.rest))
		return nil
	}
	b := c.rest[:n]
	c.rest = c.rest[n:]
	return b
}

func (c *cursor) uint8() uint8 {
	if b := c.take(1); b != nil {
		return b[0]
	}
	return 0
}

func (c *cursor) uint16() uint16 {
	if b := c.take(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (c *cursor) uint32() uint32 {
	if b := c.take(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (c *cursor) uint64() uint64 {
	if b := c.take(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// flag reads a byte that is 0 or 1.
func (c *cursor) flag(name string) bool {
	b := c.uint8()
	if b > 1 {
		c.fail("has %d as %s, not 0 or 1", b, name)
	}
	return b == 1
}

// text reads a string behind its 16-bit length.
func (c *cursor) text(name string, limit int) string { return string(c.bytes(name, limit)) }

// bytes reads bytes behind their 16-bit length; they alias the payload.
func (c *cursor) bytes(name string, limit int) []byte {
	n := int(c.uint16())
	if n > limit {
		c.fail("has %d bytes of %s, more than %d", n, name, limit)
		return nil
	}
	return c.take(n)
}

// finish returns the first error, or one if bytes are left over.
func (c *cursor) finish() error {
	if len(c.rest) > 0 {
		c.fail("has %d bytes too many", len(c.rest))
	}
	return c.err
}

// appendSentence appends as much of s as a sentence may have, in whole
// characters of UTF-8: a long reason is still a reason.
func appendSentence(b []byte, s string) []byte {
	if len(s) > MaxSentence {
		n := MaxSentence
		for n > MaxSentence-utf8.UTFMax && !utf8.RuneStart(s[n]) {
			n--
		}
		s = s[:n]
	}
	return appendText(b, s)
}

// appendText appends s behind its length. The length of a string of 64 KiB or
// more wraps, and the frame is refused for its own length then.
func appendText(b []byte, s string) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(len(s)))
	return append(b, s...)
}

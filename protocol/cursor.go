package protocol

import "encoding/binary"

// cursor reads a payload from front to back. Its first error sticks and makes
// every later read return zero, so that decoders read straight down and check
// once.
type cursor struct {
	op   Opcode
	rest []byte
	err  error
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

// text reads a string behind its 16-bit length.
func (c *cursor) text(name string, limit int) string {
	n := int(c.uint16())
	if n > limit {
		c.fail("has a %s of %d bytes, more than %d", name, n, limit)
		return ""
	}
	return string(c.take(n))
}

// finish returns the first error, or one if bytes are left over.
func (c *cursor) finish() error {
	if len(c.rest) > 0 {
		c.fail("has %d bytes too many", len(c.rest))
	}
	return c.err
}

func appendText(b []byte, s string) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(len(s)))
	return append(b, s...)
}

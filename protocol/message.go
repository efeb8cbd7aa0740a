package protocol

// Message is the content of a frame: one of the structures of this package.
type Message interface {
	// Opcode returns the opcode of the message's frame.
	Opcode() Opcode
	flags() Flags
	appendPayload(b []byte) []byte
}

// Decodable is a pointer to a message that can fill itself from a payload.
type Decodable[M any] interface {
	*M
	Message
	decode(c *cursor, flags Flags)
}

// Append appends the frame of m for a request to b. It does not check m's
// fields: a string longer than its limit makes a frame that the peer refuses.
func Append[M Message](b []byte, request uint32, m M) []byte {
	start := len(b)
	b = Header{Opcode: m.Opcode(), Flags: m.flags(), Request: request}.appendTo(b)
	return finishFrame(m.appendPayload(b), start)
}

// Decode returns the message in a frame. The strings of a message are copies;
// byte slices alias the frame's payload.
func Decode[M any, P Decodable[M]](f Frame) (M, error) {
	var m M
	p := P(&m)
	c := cursor{op: f.Opcode, rest: f.Payload}
	if f.Opcode != p.Opcode() {
		c.fail("is not %s", p.Opcode())
	}
	p.decode(&c, f.Flags)
	return m, c.finish()
}

// none is embedded by messages that have no flags.
type none struct{}

func (none) flags() Flags { return 0 }

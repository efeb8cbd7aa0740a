package protocol

// Message is the content of a frame: one of the structures of this package.
type Message interface {
	// Opcode returns the opcode of the message's frame.
	Opcode() Opcode
	flags() Flags
	appendPayload(b []byte) []byte
}

// Decodable is a pointer to a message that can be made from a frame.
type Decodable[M any] interface {
	*M
	Message
	// decode is called on nil. A pointer handed to a method of a type
	// parameter escapes, which would cost an allocation for each frame.
	decode(f Frame) (M, error)
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
	return P(nil).decode(f)
}

// none is embedded by messages that have no flags.
type none struct{}

func (none) flags() Flags { return 0 }

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
func Decode[M any, P Decodable[M]](f Frame) (m M, err error) {
	// A pointer handed to a method of a type parameter escapes, and would cost
	// an allocation for each frame; to these methods it does not.
	switch p := any(&m).(type) {
	case *Hello:
		*p, err = p.decode(f)
	case *Welcome:
		*p, err = p.decode(f)
	case *Authenticate:
		*p, err = p.decode(f)
	case *Ping:
		*p, err = p.decode(f)
	case *Pong:
		*p, err = p.decode(f)
	case *Cancel:
		*p, err = p.decode(f)
	case *Bye:
		*p, err = p.decode(f)
	case *Goaway:
		*p, err = p.decode(f)
	case *List:
		*p, err = p.decode(f)
	case *Stat:
		*p, err = p.decode(f)
	case *Mkdir:
		*p, err = p.decode(f)
	case *Remove:
		*p, err = p.decode(f)
	case *Rename:
		*p, err = p.decode(f)
	case *Sum:
		*p, err = p.decode(f)
	case *Get:
		*p, err = p.decode(f)
	case *Put:
		*p, err = p.decode(f)
	case *Ready:
		*p, err = p.decode(f)
	case *Data:
		*p, err = p.decode(f)
	case *End:
		*p, err = p.decode(f)
	case *Meta:
		*p, err = p.decode(f)
	case *Entries:
		*p, err = p.decode(f)
	case *OK:
		*p, err = p.decode(f)
	case *Error:
		*p, err = p.decode(f)
	default: // a new message that was not added above
		panic("protocol: a message that Decode does not know")
	}
	return m, err
}

// none is embedded by messages that have no flags.
type none struct{}

func (none) flags() Flags { return 0 }

package protocol

import "encoding/binary"

// magic is the start of every HELLO. Its first byte is no character of any
// text, and the line ends after the letters show a connection that rewrites
// them (the idea is that of the PNG signature, RFC 2083 section 12.11).
const magic = "\x89FTPD\r\n\x1a"

const magicLen = 8

// Hello opens a connection; it is the client's first frame.
type Hello struct {
	none
	InFlight uint16 // replies to this many requests the client can take at once; 0 is an error
	Agent    string // the client's name and version, for the log
}

// Opcode returns OpHello.
func (Hello) Opcode() Opcode { return OpHello }

func (m Hello) appendPayload(b []byte) []byte {
	b = append(b, magic...)
	b = binary.BigEndian.AppendUint16(b, m.InFlight)
	return appendText(b, m.Agent)
}

func (m Hello) decode(f Frame) (Hello, error) {
	c := newCursor(f, OpHello)
	if string(c.take(len(magic))) != magic {
		c.fail("has the wrong magic")
	}
	if m.InFlight = c.uint16(); m.InFlight == 0 {
		c.fail("accepts no request in flight")
	}
	m.Agent = c.text("agent", MaxAgent)
	return m, c.finish()
}

// Features are what a server tells about itself in WELCOME.
type Features uint32

// The features of a server.
const (
	// FeatureReadOnly says that every change is refused.
	FeatureReadOnly Features = 1 << iota
	// FeatureDurable says that OK to a PUT means synced to the disk.
	FeatureDurable
	// FeatureLogin says that the server has users, and AUTH is answered.
	FeatureLogin
	// FeatureNoAnonymous says that a request before AUTH is ERROR auth.
	FeatureNoAnonymous
)

// Welcome answers HELLO.
type Welcome struct {
	none
	InFlight  uint16 // requests the server accepts at once; 0 is an error
	Features  Features
	BlockSize uint32 // in bytes; always BlockSize in version 1
	Agent     string // the server's name and version
}

// Opcode returns OpWelcome.
func (Welcome) Opcode() Opcode { return OpWelcome }

func (m Welcome) appendPayload(b []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, m.InFlight)
	b = binary.BigEndian.AppendUint32(b, uint32(m.Features))
	b = binary.BigEndian.AppendUint32(b, m.BlockSize)
	return appendText(b, m.Agent)
}

func (m Welcome) decode(f Frame) (Welcome, error) {
	c := newCursor(f, OpWelcome)
	if m.InFlight = c.uint16(); m.InFlight == 0 {
		c.fail("accepts no request in flight")
	}
	m.Features = Features(c.uint32())
	if m.BlockSize = c.uint32(); m.BlockSize != BlockSize {
		c.fail("has blocks of %d bytes, not %d", m.BlockSize, BlockSize)
	}
	m.Agent = c.text("agent", MaxAgent)
	return m, c.finish()
}

// pingMinLen is the size of the position in PING and PONG.
const pingMinLen = 8

// Ping asks for a Pong with the same content.
type Ping struct {
	none
	Position uint64 // how many bytes the client has sent before this frame
	Content  []byte // at most MaxPing bytes
}

// Opcode returns OpPing.
func (Ping) Opcode() Opcode { return OpPing }

func (m Ping) appendPayload(b []byte) []byte {
	return append(binary.BigEndian.AppendUint64(b, m.Position), m.Content...)
}

// InPlace returns nil where nothing that was sent before the frame was lost on the
// way, and nothing came twice. taken is how many bytes have come up to its end: see
// Decoder.Taken.
func (m Ping) InPlace(taken uint64) error { return inPlace(OpPing, m.Position, m.Content, taken) }

func inPlace(op Opcode, position uint64, content []byte, taken uint64) error {
	if came := taken - uint64(HeaderLen+pingMinLen+len(content)); came != position {
		return protocolErrorf(Integrity, "%d bytes came before %s, and %d were sent", came, op, position)
	}
	return nil
}

func (m Ping) decode(f Frame) (Ping, error) {
	c := newCursor(f, OpPing)
	m.Position = c.uint64()
	m.Content = c.take(len(c.rest))
	return m, c.finish()
}

// Pong answers a Ping.
type Pong struct {
	none
	Position uint64 // how many bytes the server has sent before this frame
	Content  []byte // that of the Ping
}

// Opcode returns OpPong.
func (Pong) Opcode() Opcode { return OpPong }

func (m Pong) appendPayload(b []byte) []byte {
	return append(binary.BigEndian.AppendUint64(b, m.Position), m.Content...)
}

// InPlace is that of Ping.
func (m Pong) InPlace(taken uint64) error { return inPlace(OpPong, m.Position, m.Content, taken) }

func (m Pong) decode(f Frame) (Pong, error) {
	c := newCursor(f, OpPong)
	m.Position = c.uint64()
	m.Content = c.take(len(c.rest))
	return m, c.finish()
}

// Cancel ends the request whose number its frame carries: the server answers
// that request with ERROR cancelled unless it has already finished.
type Cancel struct{ none }

// Opcode returns OpCancel.
func (Cancel) Opcode() Opcode { return OpCancel }

func (Cancel) appendPayload(b []byte) []byte { return b }

func (m Cancel) decode(f Frame) (Cancel, error) {
	c := newCursor(f, OpCancel)
	return m, c.finish()
}

// Bye says that the client sends no further request. The server finishes
// those in flight and closes.
type Bye struct{ none }

// Opcode returns OpBye.
func (Bye) Opcode() Opcode { return OpBye }

func (Bye) appendPayload(b []byte) []byte { return b }

func (m Bye) decode(f Frame) (Bye, error) {
	c := newCursor(f, OpBye)
	return m, c.finish()
}

// Goaway says that the server takes no further request on this connection. It
// finishes those in flight and closes.
type Goaway struct {
	none
	Code    Code
	Message string
}

// Opcode returns OpGoaway.
func (Goaway) Opcode() Opcode { return OpGoaway }

func (m Goaway) appendPayload(b []byte) []byte {
	return appendSentence(append(b, byte(m.Code)), m.Message)
}

func (m Goaway) decode(f Frame) (Goaway, error) {
	c := newCursor(f, OpGoaway)
	m.Code = c.code()
	m.Message = c.text("sentence", MaxSentence)
	return m, c.finish()
}

package protocol

import "math"

// Limits of the wire, all in bytes unless said otherwise. SPEC.md lists them
// and a test compares the two.
const (
	// BlockSize is the unit of transfer and of verification: a file is a
	// sequence of blocks of this size, the last one shorter. A DATA frame
	// never crosses a block boundary.
	BlockSize = 256 << 10
	// MaxControlPayload bounds the payload of every frame but DATA.
	MaxControlPayload = 64 << 10
	// MaxDataPayload bounds the payload of a DATA frame.
	MaxDataPayload = dataPrefixLen + BlockSize
	// MaxPath bounds a path (Linux PATH_MAX, limits.h).
	MaxPath = 4096
	// MaxName bounds one component of a path (Linux NAME_MAX, limits.h).
	MaxName = 255
	// MaxAgent bounds the name a peer gives itself in HELLO and WELCOME.
	MaxAgent = 255
	// MaxSentence bounds the sentence of ERROR and GOAWAY.
	MaxSentence = 1024
	// MaxPing bounds the opaque payload of PING and PONG.
	MaxPing = 64
	// MaxUser bounds the name of a user.
	MaxUser = 64
	// MaxSecret bounds a password.
	MaxSecret = 1024
	// MaxKey bounds the public key of AUTH: RSA of 8192 bits, the most that
	// package ssh verifies, takes half of it.
	MaxKey = 2048
	// MaxSignature bounds the signature of AUTH.
	MaxSignature = 2048
	// MaxFileSize is the largest size and the largest end of a range: what a
	// signed 64-bit file offset can name (off_t, POSIX sys/types.h).
	MaxFileSize = math.MaxInt64
	// DefaultInFlight is how many requests a peer accepts in flight, in
	// requests, unless it announces another number.
	DefaultInFlight = 4096
	// DefaultPort is the TCP port a server listens on unless told otherwise.
	DefaultPort = 2120
)

// Values with a meaning of their own.
const (
	// SizeUnknown as the size of a PUT means that END will tell it; as the
	// length of a GET it means everything from the offset on.
	SizeUnknown = math.MaxUint64
	// NoTime as a modification time means that none is given, and the server
	// keeps the time of the commit.
	NoTime = math.MinInt64
)

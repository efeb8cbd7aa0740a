package protocol

import (
	"encoding/binary"
	"unicode"
	"unicode/utf8"
)

// Method says how the user of an AUTH is proved.
type Method uint8

// The methods of AUTH.
const (
	// Password sends the password itself.
	Password Method = iota + 1
	// PublicKey sends a key and a signature that only its owner can make, and
	// only for this connection.
	PublicKey
)

// String returns the name SPEC.md gives the method.
func (m Method) String() string {
	if m == PublicKey {
		return "public key"
	}
	return "password"
}

// LoginExporter is the label of the keying material that a signature covers: 32
// bytes with an empty context, of TLS 1.3 (RFC 8446, 7.5; as RFC 9266 does for
// channel bindings).
const LoginExporter = "EXPORTER-ftpd/1-login"

// LoginExporterLen is the size of that material in bytes.
const LoginExporterLen = 32

// Authenticate logs a user in: the message of AUTH, of which Auth is the error code.
type Authenticate struct {
	none
	Method     Method
	User       string // 1 to MaxUser bytes of UTF-8 without control characters
	Credential []byte // the password, at most MaxSecret bytes; or the key, at most MaxKey, as RFC 4253, 6.6 has it
	Signature  []byte // with PublicKey: what the key signed of LoginText, likewise; at most MaxSignature bytes
}

// authMinLen is that of a user of one byte and no password.
const authMinLen = 1 + 2 + 1 + 2

// Opcode returns OpAuth.
func (Authenticate) Opcode() Opcode { return OpAuth }

func (m Authenticate) appendPayload(b []byte) []byte {
	b = appendText(append(b, byte(m.Method)), m.User)
	b = appendBytes(b, m.Credential)
	if m.Method == PublicKey {
		b = appendBytes(b, m.Signature)
	}
	return b
}

func (m Authenticate) decode(f Frame) (Authenticate, error) {
	c := newCursor(f, OpAuth)
	if m.Method = Method(c.uint8()); m.Method != Password && m.Method != PublicKey {
		c.fail("has %d as method, not 1 or 2", m.Method)
	}
	if m.User = c.text("user", MaxUser); !ValidUser(m.User) {
		c.fail("names no user")
	}
	if m.Method == PublicKey {
		m.Credential = c.bytes("key", MaxKey)
		m.Signature = c.bytes("signature", MaxSignature)
	} else {
		m.Credential = c.bytes("password", MaxSecret)
	}
	return m, c.finish()
}

// ValidUser reports whether a text can be the name of a user.
func ValidUser(name string) bool {
	if name == "" || len(name) > MaxUser || !utf8.ValidString(name) {
		return false
	}
	for _, r := range name {
		if unicode.IsControl(r) {
			return false
		}
	}
	return true
}

// LoginText returns what the signature of an AUTH covers. exporter is the
// connection's own, so that the signature means nothing on another one.
func LoginText(exporter []byte, user string, key []byte) []byte {
	text := append([]byte("ftpd/1 login\x00"), exporter...)
	return appendBytes(appendText(text, user), key)
}

// appendBytes appends s behind its length, as appendText does.
func appendBytes(b, s []byte) []byte {
	b = binary.BigEndian.AppendUint16(b, uint16(len(s)))
	return append(b, s...)
}

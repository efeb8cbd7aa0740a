package protocol

import "fmt"

// Code says why a request or a connection failed. Zero means that nothing
// failed and stands only in a listing's entries.
type Code uint8

// The codes of ERROR, GOAWAY and of the entries of a listing.
const (
	NotFound Code = iota + 1
	Exists
	Permission
	IsDirectory
	NotDirectory
	NotEmpty
	NoSpace
	Quota
	Changed
	Integrity
	TooLarge
	Busy
	Cancelled
	Invalid
	Unsupported
	IO
	Auth
	ShuttingDown
	Protocol
)

// codeNames is indexed by the code.
var codeNames = [...]string{
	"ok", "not_found", "exists", "permission", "is_directory", "not_directory",
	"not_empty", "no_space", "quota", "changed", "integrity", "too_large", "busy",
	"cancelled", "invalid", "unsupported", "io", "auth", "shutting_down", "protocol",
}

// String returns the name SPEC.md gives the code.
func (c Code) String() string {
	if int(c) < len(codeNames) {
		return codeNames[c]
	}
	return fmt.Sprintf("code %d", uint8(c))
}

// RequestError fails one request; the connection goes on.
type RequestError struct {
	Code    Code
	Retry   bool   // whether the same request may succeed later
	Message string // one sentence for people; never empty on the wire
}

// Error returns the sentence and the code's name.
func (e *RequestError) Error() string {
	return fmt.Sprintf("%s (%s)", e.Message, e.Code)
}

// ProtocolError ends the connection: the peer broke a rule of SPEC.md, or what it
// sent arrived damaged.
type ProtocolError struct {
	Code    Code // Protocol, Unsupported for another version, or Integrity for bytes that arrived damaged
	Message string
}

// Error returns the sentence and the code's name.
func (e *ProtocolError) Error() string {
	return fmt.Sprintf("%s (%s)", e.Message, e.Code)
}

// Errorf makes a RequestError that a retry cannot help.
func Errorf(code Code, format string, args ...any) *RequestError {
	return &RequestError{Code: code, Message: fmt.Sprintf(format, args...)}
}

func protocolErrorf(code Code, format string, args ...any) error {
	return &ProtocolError{Code: code, Message: fmt.Sprintf(format, args...)}
}

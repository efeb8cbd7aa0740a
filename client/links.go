package client

import "ftpd/protocol"

// Links says what a transfer of a tree does about the symbolic links in it.
type Links uint8

const (
	// SkipLinks leaves them out.
	SkipLinks Links = iota
	// CopyLinks has what a link leads to in its place. On the server a link is
	// followed within the served directory, on this machine wherever it leads. One
	// that leads nowhere, or to a directory that it lies in itself, has failed.
	CopyLinks
)

// SkippedPart and SkippedReserved are why a name is left out of trees, besides the
// kinds of which no copies are made.
const (
	SkippedPart     = "part file"     // what a get that was interrupted has left, which the next one goes on with
	SkippedReserved = "reserved name" // a server keeps such names for itself (SPEC.md, Paths)
)

const (
	// maxFollowed bounds the links on the way to one directory, as systems do.
	maxFollowed = 40
	linkLoops   = "the link leads back to a directory that it lies in"
	linkLeaves  = "the link leads out of the served directory"
)

// linkError is why a link of the server is not followed.
func linkError(path, message string) *Error {
	return &Error{Op: "list", Path: path, Code: protocol.Invalid, Message: message}
}

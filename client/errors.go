package client

import (
	"errors"
	"fmt"
	"io/fs"
	"strconv"
	"strings"

	"ftpd/protocol"
)

// sentinel is a code as an error that Error matches.
type sentinel protocol.Code

func (s sentinel) Error() string {
	return strings.ReplaceAll(protocol.Code(s).String(), "_", " ")
}

// What a request can fail with: errors.Is matches an *Error by its code.
var (
	ErrNotFound     error = sentinel(protocol.NotFound) // also fs.ErrNotExist
	ErrExists       error = sentinel(protocol.Exists)   // also fs.ErrExist
	ErrPermission   error = sentinel(protocol.Permission)
	ErrIsDirectory  error = sentinel(protocol.IsDirectory)
	ErrNotDirectory error = sentinel(protocol.NotDirectory)
	ErrNotEmpty     error = sentinel(protocol.NotEmpty)
	ErrNoSpace      error = sentinel(protocol.NoSpace)
	ErrQuota        error = sentinel(protocol.Quota)
	ErrChanged      error = sentinel(protocol.Changed)
	ErrIntegrity    error = sentinel(protocol.Integrity)
	ErrTooLarge     error = sentinel(protocol.TooLarge)
	ErrBusy         error = sentinel(protocol.Busy)
	ErrCancelled    error = sentinel(protocol.Cancelled)
	ErrInvalid      error = sentinel(protocol.Invalid)
	ErrUnsupported  error = sentinel(protocol.Unsupported)
	ErrIO           error = sentinel(protocol.IO)
	ErrAuth         error = sentinel(protocol.Auth)
	ErrShuttingDown error = sentinel(protocol.ShuttingDown)
	ErrProtocol     error = sentinel(protocol.Protocol)
)

// What a connection can fail with. An error that matches ErrTimeout also
// matches ErrNetwork.
var (
	ErrTimeout = errors.New("timed out")
	ErrNetwork = errors.New("network failure")
	ErrClosed  = errors.New("client is closed")
)

// ErrSomeFailed is matched by a *TreeError.
var ErrSomeFailed = errors.New("some files failed")

// Error is a request that failed at the server's side: what the server said
// or, with the codes Integrity and Protocol, what it did wrong.
type Error struct {
	Op      string // "get", "put", ...; "dial" and "connection" where no request is concerned
	Path    string // on the server
	Code    protocol.Code
	Retry   bool   // whether the same request may succeed later
	Message string // one sentence
}

// Error returns one line without control characters.
func (e *Error) Error() string {
	message := printable(e.Message)
	if message == "" {
		message = sentinel(e.Code).Error()
	}
	return fmt.Sprintf("%s: %s (%s)", subject(e.Op, e.Path), message, e.Code)
}

// Is matches the sentinel of the code, and its counterpart in package fs.
func (e *Error) Is(target error) bool {
	switch target {
	case fs.ErrNotExist:
		return e.Code == protocol.NotFound
	case fs.ErrExist:
		return e.Code == protocol.Exists
	case fs.ErrPermission:
		return e.Code == protocol.Permission
	}
	s, ok := target.(sentinel)
	return ok && protocol.Code(s) == e.Code
}

// NetworkError is a connection that could not be made or was lost. What
// became of a request that was in flight is unknown.
type NetworkError struct {
	Op      string // "dial", "read", "write"
	Address string
	Err     error
}

// Error returns one line without control characters.
func (e *NetworkError) Error() string {
	return fmt.Sprintf("%s: %v", subject(e.Op, e.Address), e.Err)
}

// Unwrap returns the cause.
func (e *NetworkError) Unwrap() error { return e.Err }

// Is matches ErrNetwork and, where the cause is a timeout, ErrTimeout.
func (e *NetworkError) Is(target error) bool {
	if target == ErrTimeout {
		var t interface{ Timeout() bool }
		return errors.As(e.Err, &t) && t.Timeout()
	}
	return target == ErrNetwork
}

// UnknownError is a change of which nobody can tell whether it was made: the
// connection was lost between the request and its answer, and to ask again could
// change what others have done meanwhile. It matches whatever its cause matches.
type UnknownError struct{ Err error }

// Error returns the cause and what is not known, in one line without control
// characters.
func (e *UnknownError) Error() string { return e.Err.Error() + "; it may have been done" }

// Unwrap returns the cause.
func (e *UnknownError) Unwrap() error { return e.Err }

// LocalError is a fault of this machine's files, or of the reader or writer
// that a caller gave. It wraps its cause, so that it may match fs.ErrNotExist or
// ErrChanged as a remote failure does; errors.As tells the two apart.
type LocalError struct {
	Op   string // "open", "read", "write", ...
	Path string // may be empty
	Err  error
}

// Error returns one line without control characters.
func (e *LocalError) Error() string {
	return fmt.Sprintf("%s: %v", subject("local "+e.Op, e.Path), e.Err)
}

// Unwrap returns the cause.
func (e *LocalError) Unwrap() error { return e.Err }

// localError gives an error of package os its place, without its path twice.
func localError(op, path string, err error) error {
	if pathError, ok := errors.AsType[*fs.PathError](err); ok {
		err = pathError.Err
	}
	return &LocalError{Op: op, Path: path, Err: err}
}

// ResumableError is a transfer that failed and that the same call goes on with:
// not all of it is in vain. It matches whatever its cause matches.
type ResumableError struct {
	Part string // the local file that holds what came; empty where the server does
	Size int64  // how many bytes need not come again; 0 where the server alone knows
	Err  error
}

// Error returns the cause, in one line without control characters.
func (e *ResumableError) Error() string { return e.Err.Error() }

// Unwrap returns the cause.
func (e *ResumableError) Unwrap() error { return e.Err }

// maxTreeErrors bounds what a TreeError lists.
const maxTreeErrors = 1000

// TreeError is a tree of which some files failed. It matches ErrSomeFailed and
// whatever its errors match.
type TreeError struct {
	Failed int64   // how many files and directories failed
	Errors []error // the first 1000 of their errors
}

// Error returns how many failed and the first reason.
func (e *TreeError) Error() string {
	if e.Failed == 1 {
		return fmt.Sprintf("1 file failed: %v", e.Errors[0])
	}
	return fmt.Sprintf("%d files failed, the first: %v", e.Failed, e.Errors[0])
}

// Unwrap returns ErrSomeFailed and the errors listed.
func (e *TreeError) Unwrap() []error { return append([]error{ErrSomeFailed}, e.Errors...) }

func subject(op, path string) string {
	if path == "" {
		return op
	}
	return op + " " + printable(path)
}

// printable returns s, quoted if it holds what could harm a terminal.
func printable(s string) string {
	if q := strconv.Quote(s); len(q) != len(s)+2 {
		return q
	}
	return s
}

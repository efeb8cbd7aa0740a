package selector

import (
	"errors"
	"fmt"
)

// The errors of this package, to be matched with errors.Is: what a method
// returns wraps one of these, or the errno of the system call that failed, and
// names the operation and the descriptor. After an error the registry is as it was
// before the call; only Close empties it in any case.
var (
	// ErrClosed is returned by every method that returns an error, Close
	// included, once the Selector was closed.
	ErrClosed = errors.New("selector is closed")
	// ErrExists is returned by Register for a descriptor that is registered,
	// even if it was closed or reused since.
	ErrExists = errors.New("already registered")
	// ErrNotFound is returned for a descriptor that is not registered.
	ErrNotFound = errors.New("not registered")
	// ErrInvalid is returned for a number that no descriptor can have, an
	// interest that is zero or has unknown bits, and an unknown kind's name.
	ErrInvalid = errors.New("invalid argument")
	// ErrTooManyFiles is returned by Register, and by Open for the Selector's own
	// descriptor, for a number that the kind cannot watch: see Kind.Limit.
	ErrTooManyFiles = errors.New("descriptor beyond the limit of this selector")
	// ErrUnsupported is returned by Open for a Kind that Kinds does not list.
	ErrUnsupported = errors.New("not supported on this platform")
)

func failure(op string, err error) error {
	return fmt.Errorf("selector: %s: %w", op, err)
}

func fdFailure(op string, fd int, err error) error {
	return fmt.Errorf("selector: %s fd %d: %w", op, fd, err)
}

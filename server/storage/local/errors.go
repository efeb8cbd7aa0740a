//go:build unix

package local

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"syscall"

	"ftpd/server/storage"

	"golang.org/x/sys/unix"
)

// cause is what an error number means to a client: an error it can test for,
// and what there is to say beyond that error's own text.
type cause struct {
	kind   error
	detail string
}

// causes maps the error numbers that are the client's business. Any other is a
// fault of the storage and stays as it is. rmdir(2) and rename(2) may say
// EEXIST for ENOTEMPTY (POSIX); the callers that can meet this put it right.
var causes = map[syscall.Errno]cause{
	unix.ENOENT:       {kind: fs.ErrNotExist},
	unix.EEXIST:       {kind: fs.ErrExist},
	unix.EACCES:       {kind: fs.ErrPermission},
	unix.EPERM:        {kind: fs.ErrPermission},
	unix.EROFS:        {fs.ErrPermission, "it is on a read-only file system"},
	unix.EBUSY:        {fs.ErrPermission, "it is in use by the server's system"},
	unix.ENOTEMPTY:    {kind: storage.ErrNotEmpty},
	unix.EISDIR:       {kind: storage.ErrIsDirectory},
	unix.ENOTDIR:      {kind: storage.ErrNotDirectory},
	unix.ENOSPC:       {kind: storage.ErrNoSpace},
	unix.EDQUOT:       {kind: storage.ErrQuota},
	unix.EFBIG:        {kind: storage.ErrTooLarge},
	unix.ENAMETOOLONG: {storage.ErrInvalid, "a name is too long for the server's file system"},
	unix.EILSEQ:       {storage.ErrInvalid, "the server's file system does not take such a name"},
	unix.EXDEV:        {storage.ErrInvalid, "the two paths are on different file systems"},
	unix.ELOOP:        {storage.ErrInvalid, "too many symbolic links"},
	unix.EINVAL:       {kind: storage.ErrInvalid},
	unix.ENXIO:        {storage.ErrInvalid, "is not a regular file"}, // open(2) of a socket: Linux, illumos
	unix.EOPNOTSUPP:   {storage.ErrInvalid, "is not a regular file"}, // the same: BSD, macOS
}

// errPrivate says that a link led to what the store keeps for itself.
var errPrivate = fmt.Errorf("%w: it leads to the server's own files", fs.ErrPermission)

// errStaging says that nothing can be uploaded, to whatever path.
var errStaging = fmt.Errorf("%w: the server cannot make %s in the served directory", fs.ErrPermission, stagingDirectory)

// errLost is a fault of the server, whatever the path: what it keeps in the
// staging directory is gone, or that cannot be used. It wraps nothing, so that
// nobody takes it for an error of the path.
var errLost = fmt.Errorf("the server's own directory %s is gone or cannot be used", stagingDirectory)

// stagingFault makes of err, by which a staging directory could not be made,
// what may be said of a path: only what would be so for the file itself, and
// that there is not enough of something.
func stagingFault(err error) error {
	if errors.Is(err, fs.ErrPermission) {
		return errStaging
	}
	number, ok := errors.AsType[syscall.Errno](err)
	if !ok {
		return err
	}
	switch number {
	case unix.ENOSPC, unix.EDQUOT, unix.EROFS, unix.EMFILE, unix.ENFILE, unix.ENOMEM:
		return err
	default:
		return fmt.Errorf("%w: %s", errLost, number.Error())
	}
}

// quotaError is what an Account refuses, before it has a path.
type quotaError struct{ cause error }

func (e *quotaError) Error() string { return e.cause.Error() }
func (e *quotaError) Unwrap() error { return e.cause }

// escapeError returns the error value that os.Root has for paths that lead out
// of it. It is not exported, so it is asked for rather than matched by text.
func escapeError(root *os.Root) error {
	_, err := root.Lstat("..")
	if pathError, ok := errors.AsType[*fs.PathError](err); ok {
		return pathError.Err
	}
	return err
}

// fail makes of err, which a system call or os.Root returned for path, what
// this package returns: it names the path below the root and nothing above it.
func (s *Store) fail(path storage.Path, err error) error {
	if _, named := errors.AsType[*remainder](err); named {
		return err // of a path below this one
	}
	switch {
	case err == nil:
		return nil
	case errors.Is(err, s.escapes):
		return refuse(path, fs.ErrPermission, "it leads out of the served directory")
	}
	number, ok := errors.AsType[syscall.Errno](err)
	if !ok {
		return s.failOther(path, err)
	}
	if c, ok := causes[number]; ok {
		return refuse(path, c.kind, c.detail)
	}
	return fmt.Errorf("%q: %w", string(path), number)
}

// failOther is fail for what is no error number: this package's own errors,
// which pass, and those that os puts a path of the server in, which lose it.
func (s *Store) failOther(path storage.Path, err error) error {
	if errors.Is(err, fs.ErrClosed) {
		return refuse(path, fs.ErrClosed, "")
	}
	if full, ok := errors.AsType[*quotaError](err); ok {
		return refuse(path, full.cause, "")
	}
	for _, own := range []error{storage.ErrChanged, errPrivate, errStaging, errLost, errOverlong} {
		if errors.Is(err, own) {
			return refuse(path, err, "")
		}
	}
	if pathError, ok := errors.AsType[*fs.PathError](err); ok {
		return fmt.Errorf("%q: %w", string(path), pathError.Err)
	}
	return err
}

// refuse returns kind for path, with a detail unless it is "".
func refuse(path storage.Path, kind error, detail string) error {
	if detail == "" {
		return fmt.Errorf("%q: %w", string(path), kind)
	}
	return fmt.Errorf("%q: %w: %s", string(path), kind, detail)
}

package session

import (
	"context"
	"errors"
	"io/fs"
	"math"
	"strings"
	"syscall"
	"time"

	"ftpd/protocol"
	"ftpd/server/storage"
)

// causes maps what storage reports to what the client is told. The first match
// counts; anything else is a fault of the server, io.
var causes = [...]struct {
	err   error
	code  protocol.Code
	retry bool
}{
	{fs.ErrNotExist, protocol.NotFound, false},
	{fs.ErrExist, protocol.Exists, false},
	{fs.ErrPermission, protocol.Permission, false},
	{storage.ErrIsDirectory, protocol.IsDirectory, false},
	{storage.ErrNotDirectory, protocol.NotDirectory, false},
	{storage.ErrNotEmpty, protocol.NotEmpty, false},
	{storage.ErrNoSpace, protocol.NoSpace, false},
	{storage.ErrQuota, protocol.Quota, false},
	{storage.ErrTooLarge, protocol.TooLarge, false},
	{storage.ErrChanged, protocol.Changed, true},
	{storage.ErrInvalid, protocol.Invalid, false},
	{storage.ErrBusy, protocol.Busy, true},
	{context.Canceled, protocol.Cancelled, false},
	{syscall.EMFILE, protocol.Busy, true},
	{syscall.ENFILE, protocol.Busy, true},
	{syscall.ENOMEM, protocol.Busy, true},
}

// errTakesNoMore is what a request hears that comes after BYE or a shutdown.
var errTakesNoMore = &protocol.RequestError{Code: protocol.ShuttingDown, Retry: true, Message: "this connection takes no more requests"}

// errRevoked ends the connections of a user that is not what it was.
var errRevoked = protocol.Errorf(protocol.Auth, "this user was removed or changed; log in again")

var errCancelled = &protocol.RequestError{Code: protocol.Cancelled, Message: "the request was cancelled"}

// errDamaged is no fault of the blocks that came before.
var errDamaged = &protocol.RequestError{Code: protocol.Integrity, Retry: true, Message: "a block arrived damaged"}

// errorMessage is the one place that turns errors into what the wire says.
func errorMessage(err error) protocol.Error {
	if broken, ok := errors.AsType[*protocol.ProtocolError](err); ok {
		return protocol.Error{Code: broken.Code, Retry: broken.Code == protocol.Integrity, Message: broken.Message}
	}
	if failed, ok := errors.AsType[*protocol.RequestError](err); ok {
		return protocol.Error{Code: failed.Code, Retry: failed.Retry, Message: failed.Message}
	}
	message := strings.ToValidUTF8(err.Error(), "\uFFFD")
	for _, cause := range causes {
		if errors.Is(err, cause.err) {
			return protocol.Error{Code: cause.code, Retry: cause.retry, Message: message}
		}
	}
	return protocol.Error{Code: protocol.IO, Message: message}
}

// meta turns storage's description of a path into the wire's.
func meta(info storage.Info) protocol.Meta {
	m := protocol.Meta{
		Kind:   kinds[info.Kind],
		Mode:   info.Mode,
		Size:   uint64(max(0, info.Size)),
		Mtime:  wireTime(info.Mtime),
		ETag:   protocol.ETag(info.ETag),
		Target: info.Target,
	}
	if len(m.Target) > protocol.MaxPath {
		m.Target = m.Target[:protocol.MaxPath]
	}
	return m
}

// wireTime returns a time in nanoseconds since 1970, or NoTime for one that 64
// bits do not hold: before the year 1678 or after 2262.
func wireTime(t time.Time) int64 {
	if t.Before(firstTime) || t.After(lastTime) {
		return protocol.NoTime
	}
	return t.UnixNano()
}

var (
	firstTime = time.Unix(0, math.MinInt64+1)
	lastTime  = time.Unix(0, math.MaxInt64)
)

var kinds = [...]protocol.Kind{
	storage.Regular:   protocol.File,
	storage.Directory: protocol.Directory,
	storage.Symlink:   protocol.Symlink,
	storage.Special:   protocol.Special,
}

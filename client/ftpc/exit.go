package main

// What ftpc prints, and how it ends. The rules are:
//
//   - Standard output carries what was asked for and nothing else: content,
//     listings, digests, JSON.
//   - Standard error carries the progress, and errors in one form:
//
//         ftpc: COMMAND NAME: what is wrong
//         hint: what would help
//
//     without capital and full stop, the hint only where there is one, and the
//     same hint once.
//   - Names, wherever they come from, are data: on a terminal and in errors
//     their control bytes are escaped; to a file or a pipe they go as they are.
//   - Who printed an error does not end with 0.
//   - A reader of standard output that went away is no error to speak of.
//
// A missing or unreadable source on this machine is local I/O (4), also where
// the same fault on the server is "not found" (3) or "permission" (6).
// A command over several files in which some fail ends with 8 whatever the
// cause was, unless the connection failed, which ends everything.

import (
	"context"
	"errors"
	"syscall"

	"ftpd/client"
	"ftpd/internal/command"
)

// status is an exit status.
type status int

const (
	statusDone        status = 0
	statusOther       status = 1
	statusUsage       status = 2
	statusNotFound    status = 3
	statusLocal       status = 4
	statusNetwork     status = 5 // a retry may help
	statusPermission  status = 6 // also login and trust
	statusIntegrity   status = 7
	statusSomeFailed  status = 8
	statusTimeout     status = 10
	statusInterrupted status = 130 // 128 + SIGINT, as shells count; the same command resumes
)

// batchError is a command over several files of which some failed. What
// failed was printed when it did.
type batchError struct{ failed, total int64 }

func (e *batchError) Error() string { return "some files failed" }

// statusOf returns the exit status for what a command returned.
func statusOf(err error) status {
	var (
		usage *command.UsageError
		local *client.LocalError
		batch *batchError
		one   *client.UnknownError
	)
	switch {
	case err == nil:
		return statusDone
	case errors.As(err, &usage):
		return statusUsage
	case errors.Is(err, context.Canceled):
		return statusInterrupted
	case fatal(err):
		return connectionStatus(err)
	case errors.Is(err, errNoPassword):
		return statusPermission
	case errors.As(err, &batch), errors.Is(err, client.ErrSomeFailed):
		return statusSomeFailed
	case errors.As(err, &one):
		return connectionStatus(err)
	case errors.As(err, &local):
		return statusLocal
	}
	return remoteStatus(err)
}

// fatal tells whether nothing more can be done with the connection. A fault of
// this machine is never fatal, whatever it wraps.
func fatal(err error) bool {
	if local := new(client.LocalError); errors.As(err, &local) && !errors.Is(err, client.ErrSomeFailed) {
		return errors.Is(err, context.Canceled)
	}
	if one := new(client.UnknownError); errors.As(err, &one) { // there may be another connection
		return errors.Is(err, context.Canceled)
	}
	for _, end := range connectionEnds {
		if errors.Is(err, end) {
			return true
		}
	}
	return endedByServer(err) != nil
}

// endedByServer returns what a server said of the whole connection when it
// ended that, whatever the code; nil where it did not.
func endedByServer(err error) *client.Error {
	if remote, ok := errors.AsType[*client.Error](err); ok && remote.Op == "connection" {
		return remote
	}
	return nil
}

var connectionEnds = []error{
	context.Canceled, context.DeadlineExceeded, client.ErrTimeout, client.ErrNetwork,
	client.ErrClosed, client.ErrShuttingDown, client.ErrAuth, client.ErrProtocol, client.ErrTrust, client.ErrTLS,
}

func connectionStatus(err error) status {
	switch {
	case errors.Is(err, client.ErrTimeout), errors.Is(err, context.DeadlineExceeded):
		return statusTimeout
	case errors.Is(err, client.ErrAuth), errors.Is(err, client.ErrTrust):
		return statusPermission
	case errors.Is(err, client.ErrProtocol), errors.Is(err, client.ErrTLS):
		return statusOther
	}
	if remote := endedByServer(err); remote != nil && !remote.Retry {
		return remoteStatus(err)
	}
	return statusNetwork
}

func remoteStatus(err error) status {
	switch {
	case errors.Is(err, client.ErrNotFound):
		return statusNotFound
	case errors.Is(err, client.ErrPermission):
		return statusPermission
	case errors.Is(err, client.ErrIntegrity):
		return statusIntegrity
	case errors.Is(err, client.ErrBusy):
		return statusNetwork
	}
	return statusOther
}

// brokenPipe tells whether the reader of standard output went away. The
// library does not know its name, which other files have.
func brokenPipe(err error) bool {
	var local *client.LocalError
	return errors.As(err, &local) && errors.Is(local.Err, syscall.EPIPE) &&
		(local.Path == "" || local.Path == standardOutput)
}

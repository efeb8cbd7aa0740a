//go:build unix

package main

import (
	"errors"
	"io/fs"
	"syscall"

	"ftpd/server"
)

// hinted is an error of which we know what to do about it.
type hinted struct {
	error
	hint string
}

// Unwrap returns the error without the hint.
func (h *hinted) Unwrap() error { return h.error }

// hintOfAddress says what helps where an address cannot be had.
func hintOfAddress(err error) error {
	switch {
	case errors.Is(err, syscall.EADDRINUSE):
		return &hinted{err, "is an ftpd running already? --listen 127.0.0.1:0, or FTPD_LISTEN=127.0.0.1:0, takes a free port and tells which"}
	case errors.Is(err, syscall.EADDRNOTAVAIL):
		return &hinted{err, "--listen names an address of this machine; 0.0.0.0 or [::] is every one"}
	}
	return err
}

// hintOfFiles says what helps where a file or directory that config names is not there.
func hintOfFiles(err error, config server.Config) error {
	missing, ok := errors.AsType[*fs.PathError](err)
	switch {
	case !ok || !errors.Is(err, fs.ErrNotExist):
	case missing.Path == config.Root:
		return &hinted{err, "make it first, or name another with --root DIR"}
	case missing.Path == config.Users:
		return hintOfUsers(err)
	}
	return err
}

// hintOfUsers says what helps where the users file is not there.
func hintOfUsers(err error) error {
	if errors.Is(err, fs.ErrNotExist) {
		return &hinted{err, "\"ftpd user add NAME --users FILE\" makes it"}
	}
	return err
}

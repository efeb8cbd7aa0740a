//go:build unix

package main

import (
	"errors"
	"syscall"
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

//go:build unix && !linux

package local

import "golang.org/x/sys/unix"

// syncFileSystem is not to be had: sync(2) does not wait everywhere, and tells
// of no error.
func syncFileSystem(int) error { return unix.ENOSYS }

// startWriteback is Linux's.
func startWriteback(int) {}

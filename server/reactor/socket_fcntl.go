//go:build unix && !(linux || freebsd || dragonfly || illumos)

package reactor

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// streamSocket opens a socket that never blocks and that no child inherits.
// Without flags for the two (macOS has none, and x/sys has no accept4 for NetBSD
// and OpenBSD), the lock keeps a fork from coming between.
func streamSocket(family int) (int, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	fd, err := unix.Socket(family, unix.SOCK_STREAM, unix.IPPROTO_TCP)
	if err != nil {
		return -1, err
	}
	return fd, prepare(fd)
}

func accept(fd int) (int, unix.Sockaddr, error) {
	syscall.ForkLock.RLock()
	defer syscall.ForkLock.RUnlock()
	conn, sa, err := unix.Accept(fd)
	if err != nil {
		return -1, nil, err
	}
	return conn, sa, prepare(conn)
}

func prepare(fd int) error {
	unix.CloseOnExec(fd)
	if err := unix.SetNonblock(fd, true); err != nil {
		_ = unix.Close(fd)
		return err
	}
	return nil
}

//go:build linux

package models

import (
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// ErrUnavailable is returned by Serve for a model that this kernel, or what
// confines this process, does not allow.
var ErrUnavailable = errors.New("not available here")

const (
	// backlog holds the bursts of the load generator; the kernel cuts it to
	// net.core.somaxconn (4096 since Linux 5.4).
	backlog = 4096
	// bufferSize is what one read takes at most.
	bufferSize = 4096
)

// Listen returns a listening socket on a free port of 127.0.0.1, and where it
// is. Accepted sockets inherit TCP_NODELAY from it (Linux does so, and net sets
// it itself), so that no model waits for an acknowledgement that another does not.
func Listen() (fd int, address string, err error) {
	fd, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, "", fmt.Errorf("socket: %w", err)
	}
	address, err = bindAndListen(fd)
	if err != nil {
		return -1, "", errors.Join(err, unix.Close(fd))
	}
	return fd, address, nil
}

func bindAndListen(fd int) (string, error) {
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		return "", fmt.Errorf("TCP_NODELAY: %w", err)
	}
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		return "", fmt.Errorf("bind: %w", err)
	}
	if err := unix.Listen(fd, backlog); err != nil {
		return "", fmt.Errorf("listen: %w", err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		return "", fmt.Errorf("getsockname: %w", err)
	}
	inet, ok := name.(*unix.SockaddrInet4)
	if !ok {
		return "", fmt.Errorf("getsockname: %T", name)
	}
	return netip.AddrPortFrom(netip.AddrFrom4(inet.Addr), uint16(inet.Port)).String(), nil
}

// accept takes the next connection. A client that gave up in the queue
// (ECONNABORTED) is passed over; EAGAIN comes through from a non-blocking listener.
func accept(listener, flags int) (int, error) {
	for {
		fd, _, err := unix.Accept4(listener, unix.SOCK_CLOEXEC|flags)
		switch {
		case err == nil:
			return fd, nil
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.ECONNABORTED):
		default:
			return -1, err
		}
	}
}

// read is read(2), once more when a signal came first.
func read(fd int, buf []byte) (int, error) {
	for {
		n, err := unix.Read(fd, buf)
		if !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}

// write is write(2) likewise. A client that is gone gives EPIPE and no signal:
// the Go runtime drops SIGPIPE for descriptors above 2.
func write(fd int, data []byte) (int, error) {
	for {
		n, err := unix.Write(fd, data)
		if !errors.Is(err, unix.EINTR) {
			return n, err
		}
	}
}

// again says that a non-blocking call had nothing to do.
func again(err error) bool { return errors.Is(err, unix.EAGAIN) }

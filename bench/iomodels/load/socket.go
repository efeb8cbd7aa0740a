//go:build linux

package load

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// A client is one connection and the request that is under way on it.
type client struct {
	fd       int
	request  []byte
	answer   []byte // wanted
	received int    // of it
	sent     time.Time
	heavy    bool
}

// dial connects and makes the socket one that never blocks. On loopback a
// connection stands as soon as it is in the server's queue. Closing resets it.
func dial(server netip.AddrPort) (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("socket: %w", err)
	}
	if err := connect(fd, server); err != nil {
		return -1, errors.Join(err, unix.Close(fd))
	}
	return fd, nil
}

func connect(fd int, server netip.AddrPort) error {
	if err := unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1}); err != nil {
		return fmt.Errorf("SO_LINGER: %w", err)
	}
	if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
		return fmt.Errorf("TCP_NODELAY: %w", err)
	}
	// A server that accepts nothing must not hold the generator for minutes.
	patience := unix.NsecToTimeval(int64(connectPatience))
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_SNDTIMEO, &patience); err != nil {
		return fmt.Errorf("SO_SNDTIMEO: %w", err)
	}
	to := unix.SockaddrInet4{Addr: server.Addr().As4(), Port: int(server.Port())}
	err := unix.Connect(fd, &to)
	for errors.Is(err, unix.EINTR) || errors.Is(err, unix.EALREADY) {
		err = unix.Connect(fd, &to)
	}
	if err != nil && !errors.Is(err, unix.EISCONN) {
		return fmt.Errorf("connect: %w", err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		return fmt.Errorf("O_NONBLOCK: %w", err)
	}
	return nil
}

// ask sends the request. A line fits into an empty socket buffer.
func (c *client) ask(now time.Time) error {
	c.received, c.sent = 0, now
	n, err := unix.Write(c.fd, c.request)
	for errors.Is(err, unix.EINTR) {
		n, err = unix.Write(c.fd, c.request)
	}
	if err != nil {
		return fmt.Errorf("ask: %w", err)
	}
	if n < len(c.request) {
		return fmt.Errorf("ask: %w", io.ErrShortWrite)
	}
	return nil
}

// errWrong is an answer that is not what the model shall give.
var errWrong = errors.New("the answer is not the request in upper case")

// hear reads what is there and says whether that ends the answer.
func (c *client) hear(buf []byte) (whole bool, err error) {
	n, err := unix.Read(c.fd, buf)
	switch {
	case errors.Is(err, unix.EAGAIN), errors.Is(err, unix.EINTR):
		return false, nil
	case err != nil:
		return false, fmt.Errorf("hear: %w", err)
	case n == 0:
		return false, io.ErrUnexpectedEOF
	}
	if want := c.answer[c.received:]; n > len(want) || !bytes.Equal(buf[:n], want[:n]) {
		return false, errWrong
	}
	c.received += n
	return c.received == len(c.answer), nil
}

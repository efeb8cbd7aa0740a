//go:build unix

package reactor

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"
)

// backlog is how many connections the kernel holds until they are accepted;
// it cuts the number down to its own limit (listen(2)).
const backlog = 4096

// Listen opens a listening TCP socket that Go's own poller knows nothing of,
// and returns it with the address it got: port 0 asks for a free one.
func Listen(address netip.AddrPort) (fd int, bound netip.AddrPort, err error) {
	family := unix.AF_INET6
	if address.Addr().Is4() || address.Addr().Is4In6() {
		family = unix.AF_INET
	}
	fd, err = streamSocket(family)
	if err != nil {
		return -1, netip.AddrPort{}, os.NewSyscallError("socket", err)
	}
	bound, err = bindAndListen(fd, address)
	if err != nil {
		_ = unix.Close(fd)
		return -1, netip.AddrPort{}, fmt.Errorf("listen on %s: %w", address, err)
	}
	return fd, bound, nil
}

// ErrNotListening is returned by Inherit.
var ErrNotListening = errors.New("this is no TCP socket that listens")

// Inherit takes over a socket that another program has opened, and returns where it
// listens. After an error it is as it was.
func Inherit(fd int) (netip.AddrPort, error) {
	kind, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_TYPE)
	if err != nil {
		return netip.AddrPort{}, os.NewSyscallError("getsockopt", err)
	}
	listening, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ACCEPTCONN)
	if err != nil {
		return netip.AddrPort{}, os.NewSyscallError("getsockopt", err)
	}
	sa, err := unix.Getsockname(fd)
	if err != nil {
		return netip.AddrPort{}, os.NewSyscallError("getsockname", err)
	}
	address := fromSockaddr(sa)
	if kind != unix.SOCK_STREAM || listening == 0 || !address.IsValid() {
		return netip.AddrPort{}, ErrNotListening
	}
	unix.CloseOnExec(fd)
	return address, os.NewSyscallError("fcntl", unix.SetNonblock(fd, true))
}

func bindAndListen(fd int, address netip.AddrPort) (netip.AddrPort, error) {
	// Without it a restarted server could not listen while connections of the
	// old one are in TIME_WAIT (socket(7)).
	if err := unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_REUSEADDR, 1); err != nil {
		return netip.AddrPort{}, os.NewSyscallError("setsockopt", err)
	}
	if err := unix.Bind(fd, toSockaddr(address)); err != nil {
		return netip.AddrPort{}, os.NewSyscallError("bind", err)
	}
	if err := unix.Listen(fd, backlog); err != nil {
		return netip.AddrPort{}, os.NewSyscallError("listen", err)
	}
	sa, err := unix.Getsockname(fd)
	if err != nil {
		return netip.AddrPort{}, os.NewSyscallError("getsockname", err)
	}
	return fromSockaddr(sa), nil
}

func toSockaddr(address netip.AddrPort) unix.Sockaddr {
	addr := address.Addr().Unmap()
	if addr.Is4() {
		return &unix.SockaddrInet4{Port: int(address.Port()), Addr: addr.As4()}
	}
	sa := &unix.SockaddrInet6{Port: int(address.Port()), Addr: addr.As16()}
	if ifi, err := net.InterfaceByName(addr.Zone()); err == nil {
		sa.ZoneId = uint32(ifi.Index)
	}
	return sa
}

func fromSockaddr(sa unix.Sockaddr) netip.AddrPort {
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(sa.Addr), uint16(sa.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(sa.Addr).Unmap(), uint16(sa.Port))
	}
	return netip.AddrPort{}
}

// tune sets what every accepted connection wants. Nagle's delay would hold
// back the last small frame of each batch; keep-alive finds peers that are
// gone without a word.
func tune(fd int) {
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
}

// narrowBelow is the rate from which on a second's worth of input is more than
// SO_RCVBUF may ask for (net.core.rmem_max, 208 KiB unless changed; socket(7)).
const narrowBelow = 200 << 10

// narrow has the kernel hold about a second's worth of input at a low rate. With more
// the peer would get rid of what it sends at once, and hear nothing until much of it is
// read: for minutes, in which it cannot tell a slow server from a dead one.
func narrow(fd int, rate int64) {
	if rate < narrowBelow {
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, int(max(rate, PageBuffer)))
	}
}

// transport is how the bytes of a connection are read and written.
type transport interface {
	// Read and Write never block: they return errWouldBlock instead.
	Read(p []byte) (int, error)
	Write(p []byte) (int, error)
	// Flush writes what Write has taken and keeps.
	Flush() error
	// Unsent returns how many bytes that is.
	Unsent() int
	// More reports whether Read may find what the selector does not tell of.
	More() bool
	// Cost returns what the last Read, of n bytes, takes of a turn: see Config.ReadBudget.
	Cost(n int) int
	// Farewell adds the transport's own last words, once.
	Farewell()
	// CloseWrite tells the peer that no more comes.
	CloseWrite() error
	// Release gives back what is held. Nothing but the descriptor is used after it.
	Release()
}

var errWouldBlock = errors.New("operation would block")

// plain is TCP without more: the connection itself, which knows its descriptor.
type plain Conn

func (t *plain) Read(p []byte) (int, error) {
	return retry(unix.Read, int(t.fd), p)
}

func (t *plain) Write(p []byte) (int, error) {
	return retry(unix.Write, int(t.fd), p)
}

func (*plain) Flush() error { return nil }

func (*plain) Unsent() int { return 0 }

func (*plain) More() bool { return false }

func (*plain) Cost(n int) int { return n }

func (*plain) Farewell() {}

func (*plain) Release() {}

func (t *plain) CloseWrite() error {
	return unix.Shutdown(int(t.fd), unix.SHUT_WR)
}

// retry makes a call again when a signal interrupted it.
func retry(call func(int, []byte) (int, error), fd int, p []byte) (int, error) {
	for {
		n, err := call(fd, p)
		switch {
		case err == nil:
			return n, nil
		case errors.Is(err, unix.EAGAIN):
			return 0, errWouldBlock
		case !errors.Is(err, unix.EINTR):
			return 0, err
		}
	}
}

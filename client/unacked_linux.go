package client

import (
	"net"
	"syscall"

	"golang.org/x/sys/unix"
)

// unacked returns how many bytes the kernel has been given that the other end's has not
// taken yet (SIOCOUTQ, tcp(7)); 0 where it does not tell.
func unacked(conn net.Conn) int {
	for {
		switch c := conn.(type) {
		case syscall.Conn:
			return queued(c)
		case interface{ NetConn() net.Conn }: // what is around it, such as TLS
			conn = c.NetConn()
		default:
			return 0
		}
	}
}

func queued(conn syscall.Conn) int {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0
	}
	n := 0
	if err := raw.Control(func(fd uintptr) { n, err = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ) }); err != nil {
		return 0
	}
	return n
}

//go:build linux

package models

import "ftpd/selector"

// serveEpollET waits with epoll(7) for edges: a socket is reported when something
// new happens to it, and not for what is still there. So each turn goes on
// until the socket says EAGAIN, which costs one more read for each request and
// saves the kernel from looking at the socket again.
func serveEpollET(s Server) error {
	return serveReadiness(s, selector.EpollET, (*conn).drain)
}

//go:build linux

package models

import "ftpd/selector"

// serveEpollET waits with epoll(7) for edges: a socket is reported when something
// new happens to it, and not for what is still there. So the loop comes back to
// it by itself until the socket says EAGAIN, one step at a time as the others
// have theirs: that costs one more read for each request and saves the kernel
// from looking at the socket again.
func serveEpollET(s Server) error {
	return serveReadiness(s, selector.EpollET)
}

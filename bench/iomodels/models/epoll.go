//go:build linux

package models

import "ftpd/selector"

// serveEpoll waits with epoll(7): the kernel keeps the set, sockets report to it
// when something happens, and a wait returns those that did. A socket is
// reported again by every wait for as long as it is ready, so one step a turn is
// enough and a busy client cannot keep the loop to itself.
func serveEpoll(s Server) error {
	return serveReadiness(s, selector.Epoll)
}

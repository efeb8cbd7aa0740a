//go:build linux

package models

import "ftpd/selector"

// servePoll waits with poll(2): a list in place of bits, so that there is no
// limit, but each call still carries the whole list into the kernel, which asks
// every socket on it.
func servePoll(s Server) error {
	return serveReadiness(s, selector.Poll)
}

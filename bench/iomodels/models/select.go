//go:build linux

package models

import "ftpd/selector"

// serveSelect waits with select(2). Each call carries three sets of 1,024 bits
// into the kernel and out again, and both sides walk all bits up to the highest
// descriptor; a descriptor of 1,024 or more has no bit and cannot be waited for.
func serveSelect(s Server) error {
	return serveReadiness(s, selector.Select)
}

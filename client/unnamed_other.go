//go:build unix && !linux

package client

import "golang.org/x/sys/unix"

// openUnnamed is what only Linux has.
func openUnnamed(int, uint32) (int, error) { return -1, unix.ENOTSUP }

func linkUnnamed(int, int, string) error { return unix.ENOTSUP }

//go:build unix

package client

import (
	"math"
	"syscall"
)

// descriptorLimit returns how many descriptors this process may have. The runtime has
// raised that as far as it can.
func descriptorLimit() int {
	var limit syscall.Rlimit
	if err := syscall.Getrlimit(syscall.RLIMIT_NOFILE, &limit); err != nil || uint64(limit.Cur) > math.MaxInt32 {
		return math.MaxInt32
	}
	return int(limit.Cur)
}

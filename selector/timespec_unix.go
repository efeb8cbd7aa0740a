//go:build darwin || dragonfly || freebsd || netbsd || openbsd || solaris

package selector

import (
	"time"

	"golang.org/x/sys/unix"
)

// timespec converts a timeout: nil for ever.
func timespec(timeout time.Duration) *unix.Timespec {
	if timeout < 0 {
		return nil
	}
	ts := unix.NsecToTimespec(int64(min(timeout, maxWait)))
	return &ts
}

package local

import (
	"time"

	"golang.org/x/sys/unix"
)

// maxTick is the longest tick of the kernel's clock (CONFIG_HZ=100). A file that is
// younger still has its time from another clock, such as that of a file server.
const maxTick = 10 * time.Millisecond

// untilTold returns how long to wait, at least, until a file that is about to lose its
// last name can be told from any that is made later. A file system may give its inode
// to the next file at once, and stamps that with the clock of the last tick, so that
// within a tick all that an ETag is made of could be the same.
func untilTold(stat *unix.Stat_t) time.Duration {
	if uint32(stat.Mode)&unix.S_IFMT != unix.S_IFREG || stat.Nlink != 1 {
		return 0
	}
	var tick unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_REALTIME_COARSE, &tick); err != nil {
		return 0 // every kernel since 2.6.32 has it
	}
	age := time.Duration(nanoseconds(tick) - nanoseconds(stat.Ctim))
	if age > 0 || age < -maxTick {
		return 0
	}
	return time.Millisecond
}

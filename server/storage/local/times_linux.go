package local

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// setMtime gives a file, which is no link, its modification time and leaves
// the access time.
func setMtime(_ *os.Root, p place, mtime time.Time) error {
	t, err := unix.TimeToTimespec(mtime)
	if err != nil {
		return unix.EINVAL
	}
	times := []unix.Timespec{{Nsec: unix.UTIME_OMIT}, t}
	return retry(func() error { return unix.UtimesNanoAt(p.fd(), p.name, times, unix.AT_SYMLINK_NOFOLLOW) })
}

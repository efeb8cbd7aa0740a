//go:build unix && !linux

package client

import (
	"time"

	"golang.org/x/sys/unix"
)

// setMtime gives a file of an open directory its time.
func setMtime(dir, _ int, name string, mtime time.Time) error {
	t, err := unix.TimeToTimespec(mtime)
	if err != nil {
		return err
	}
	return unix.UtimesNanoAt(dir, name, []unix.Timespec{t, t}, unix.AT_SYMLINK_NOFOLLOW)
}

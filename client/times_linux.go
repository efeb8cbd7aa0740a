package client

import (
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// setMtime gives an open file its time. Package unix has this call with a name
// only, which the kernel would have to look up (utimensat(2), futimens(3)).
func setMtime(_, fd int, _ string, mtime time.Time) error {
	t, err := unix.TimeToTimespec(mtime)
	if err != nil {
		return err
	}
	times := [2]unix.Timespec{t, t}
	_, _, failed := unix.Syscall6(unix.SYS_UTIMENSAT, uintptr(fd), 0, uintptr(unsafe.Pointer(&times)), 0, 0, 0)
	if failed != 0 {
		return failed
	}
	return nil
}

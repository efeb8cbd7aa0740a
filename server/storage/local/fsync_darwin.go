package local

import "golang.org/x/sys/unix"

// fsync asks for F_FULLFSYNC: fsync(2) on macOS leaves the data in the drive's
// cache. File systems that do not have it get the plain one.
func fsync(fd int) error {
	if _, err := unix.FcntlInt(uintptr(fd), unix.F_FULLFSYNC, 0); err == nil || err == unix.EINTR {
		return err
	}
	return unix.Fsync(fd)
}

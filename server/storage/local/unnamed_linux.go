package local

import (
	"strconv"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// openUnnamed makes a file without a name in a directory: what is never given one is
// gone when it is closed (open(2), O_TMPFILE, since Linux 3.11).
func openUnnamed(dirfd int, mode uint32) (fd int, err error) {
	err = retry(func() (err error) {
		fd, err = unix.Openat(dirfd, ".", unix.O_RDWR|unix.O_TMPFILE|unix.O_CLOEXEC, mode)
		return err
	})
	return fd, err
}

// linkUnnamed gives such a file its name, which must be free. By its descriptor alone
// the kernel asks for CAP_DAC_READ_SEARCH, or from 6.10 on for the credentials that it
// was opened with, and says ENOENT otherwise (linkat(2), AT_EMPTY_PATH). Those are the
// thread's: the threads of a process that has changed its user or confined itself have
// each their own. By way of /proc anybody may (open(2), O_TMPFILE).
func linkUnnamed(fd int, to place) error {
	err := retry(func() error { return unix.Linkat(fd, "", to.fd(), to.name, unix.AT_EMPTY_PATH) })
	if err == unix.ENOENT {
		err = linkByProc(fd, to)
	}
	return err
}

func linkByProc(fd int, to place) error {
	from := "/proc/self/fd/" + strconv.Itoa(fd)
	return retry(func() error { return unix.Linkat(unix.AT_FDCWD, from, to.fd(), to.name, unix.AT_SYMLINK_FOLLOW) })
}

// unnamedWorks tries it in a directory of the store's own, in the way that never fails
// for the thread that it is called on.
func unnamedWorks(probe place) bool {
	fd, err := openUnnamed(probe.fd(), 0o600)
	if err != nil {
		return false
	}
	defer func() { _ = unix.Close(fd) }() // nothing was written
	return linkByProc(fd, probe) == nil && probe.unlink() == nil
}

// setMtimeOf is setMtime for an open file (utimensat(2) without a path).
func setMtimeOf(fd int, mtime time.Time) error {
	t, err := unix.TimeToTimespec(mtime)
	if err != nil {
		return unix.EINVAL
	}
	times := [2]unix.Timespec{{Nsec: unix.UTIME_OMIT}, t}
	return retry(func() error {
		_, _, failed := unix.Syscall6(unix.SYS_UTIMENSAT, uintptr(fd), 0, uintptr(unsafe.Pointer(&times)), 0, 0, 0)
		if failed != 0 {
			return failed
		}
		return nil
	})
}

package client

import "golang.org/x/sys/unix"

// openUnnamed makes a file without a name in a directory: what is never given one is gone
// when it is closed (open(2), O_TMPFILE, since Linux 3.11, not on every file system).
func openUnnamed(dirfd int, mode uint32) (int, error) {
	return unix.Openat(dirfd, ".", unix.O_WRONLY|unix.O_TMPFILE|unix.O_CLOEXEC, mode)
}

// linkUnnamed gives such a file a name that is free. The kernel asks for
// CAP_DAC_READ_SEARCH, or from 6.10 on for who opened the file, and says ENOENT otherwise
// (linkat(2), AT_EMPTY_PATH).
func linkUnnamed(fd, dirfd int, name string) error {
	return unix.Linkat(fd, "", dirfd, name, unix.AT_EMPTY_PATH)
}

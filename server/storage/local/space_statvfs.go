//go:build netbsd || solaris

package local

import "golang.org/x/sys/unix"

// available returns how many bytes an unprivileged user may still write to
// the file system of an open file (statvfs(2)).
func available(fd int) (int64, error) {
	var stat unix.Statvfs_t
	err := retry(func() error { return unix.Fstatvfs(fd, &stat) })
	return blocks(int64(stat.Bavail), int64(stat.Frsize)), err
}

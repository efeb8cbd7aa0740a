//go:build linux || darwin || freebsd || dragonfly

package local

import "golang.org/x/sys/unix"

// available returns how many bytes an unprivileged user may still write to
// the file system of an open file (statfs(2)).
func available(fd int) (int64, error) {
	var stat unix.Statfs_t
	err := retry(func() error { return unix.Fstatfs(fd, &stat) })
	return blocks(int64(stat.Bavail), int64(stat.Bsize)), err
}

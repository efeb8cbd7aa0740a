package local

import "golang.org/x/sys/unix"

// available returns how many bytes an unprivileged user may still write to
// the file system of an open file (statfs(2)).
func available(fd int) (int64, error) {
	var stat unix.Statfs_t
	err := retry(func() error { return unix.Fstatfs(fd, &stat) })
	return blocks(stat.F_bavail, int64(stat.F_bsize)), err
}

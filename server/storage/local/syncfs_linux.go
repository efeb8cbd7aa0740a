package local

import (
	"strconv"
	"strings"
	"sync"

	"golang.org/x/sys/unix"
)

// syncFileSystem is syncfs(2). Before Linux 5.8 it did not tell of errors in
// writing, and so it does not serve there.
func syncFileSystem(fd int) error {
	if !syncfsTellsErrors() {
		return unix.ENOSYS
	}
	return unix.Syncfs(fd)
}

var syncfsTellsErrors = sync.OnceValue(func() bool {
	var name unix.Utsname
	if err := unix.Uname(&name); err != nil {
		return false
	}
	return atLeast(unix.ByteSliceToString(name.Release[:]), 5, 8)
})

// atLeast reports whether a kernel release such as "6.1.0-13-amd64" is that of
// a version or a later one.
func atLeast(release string, major, minor int) bool {
	first, rest, _ := strings.Cut(release, ".")
	second := rest
	if end := strings.IndexFunc(rest, func(r rune) bool { return r < '0' || r > '9' }); end >= 0 {
		second = rest[:end]
	}
	x, err1 := strconv.Atoi(first)
	y, err2 := strconv.Atoi(second)
	return err1 == nil && err2 == nil && (x > major || x == major && y >= minor)
}

// startWriteback has the dirty pages of a file written, and does not wait for that
// (sync_file_range(2)). Where it fails, the sync of the file does it all.
func startWriteback(fd int) {
	_ = unix.SyncFileRange(fd, 0, 0, unix.SYNC_FILE_RANGE_WRITE)
}

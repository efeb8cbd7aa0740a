package local

import (
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/sys/unix"
)

// TestUnnamedOfAnotherThread gives a file its name on a thread whose credentials are not
// those that it was opened with: so it is for each two threads of a process that has
// confined itself.
func TestUnnamedOfAnotherThread(t *testing.T) {
	dir := reachable(t)
	check(t, os.Chmod(dir, 0o777))
	top, err := os.Open(dir)
	check(t, err)
	defer top.Close()
	fd, err := openUnnamed(int(top.Fd()), 0o644)
	if err != nil {
		t.Skipf("this file system has no files without a name: %v", err)
	}
	defer func() { check(t, unix.Close(fd)) }()
	if os.Geteuid() == 0 { // a file of another user is given no second name (proc(5), protected_hardlinks)
		check(t, unix.Fchown(fd, nobody, nobody))
	}
	to := place{&directory{file: top}, "f"}
	asNobody(t, func() {
		if err := linkUnnamed(fd, to); err != nil {
			t.Errorf("another thread: %v", err)
		}
		if err := linkUnnamed(fd, to); err != unix.EEXIST {
			t.Errorf("a second time: %v", err)
		}
	})
	if _, err := os.Stat(filepath.Join(dir, "f")); err != nil {
		t.Error(err)
	}
}

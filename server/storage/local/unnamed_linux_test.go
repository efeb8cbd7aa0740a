package local

import (
	"errors"
	"os"
	"path/filepath"
	"runtime"
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

// TestUnnamedWithoutProc: where there is no /proc, as in a container of nothing but ftpd, no
// file is made that only one of the threads could name.
func TestUnnamedWithoutProc(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root may change the root directory")
	}
	dir := t.TempDir()
	top, err := os.Open(dir)
	check(t, err)
	defer top.Close()
	probe := place{&directory{file: top}, "probe"}
	if !unnamedWorks(probe) {
		t.Skip("this file system has no files without a name")
	}
	works := make(chan bool)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread ends with its root directory
		if err := errors.Join(unix.Unshare(unix.CLONE_FS), unix.Chroot(dir)); err != nil {
			t.Error(err)
		}
		works <- unnamedWorks(probe)
	}()
	if <-works {
		t.Error("it is believed to work without /proc")
	}
}

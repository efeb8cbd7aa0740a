package client

import (
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"syscall"
	"testing"
	"time"
)

// asNobody calls do on a thread whose file accesses are those of a user without
// privileges, even where the test has them. The thread ends with it.
func asNobody(t *testing.T, do func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		do()
		return
	}
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // and never unlocked
		err := syscall.Setfsuid(nobody)
		if err == nil {
			do()
		}
		done <- err
	}()
	if err := <-done; err != nil {
		t.Skipf("this thread cannot become another user: %v", err)
	}
}

const nobody = 65534

// A directory that its owner cannot search has its time and mode nevertheless,
// for who made it has no privileges.
func TestModesWithoutSearch(t *testing.T) {
	base := t.TempDir()
	if os.Geteuid() == 0 {
		if err := os.Chown(base, nobody, -1); err != nil {
			t.Fatal(err)
		}
	}
	dirs, err := openLocalDirs(base, keepOpen)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]fs.FileMode{"none": 0, "listed": 0o400, "file": 0o644, "usual": 0o755}
	mtime := time.Unix(1e9, 0)
	asNobody(t, func() {
		for name, mode := range want {
			if err := dirs.make(name, Info{Mode: mode, Mtime: mtime}); err != nil {
				t.Error(err)
			}
		}
		dirs.finish(func(_ string, err error) { t.Error(err) })
	})
	for name, mode := range want {
		path := filepath.Join(base, name)
		info, err := os.Stat(path)
		if err != nil {
			t.Fatal(err)
		}
		if info.Mode() != mode|fs.ModeDir || !info.ModTime().Equal(mtime) {
			t.Errorf("%s: %v %v", name, info.Mode(), info.ModTime())
		}
		if err := os.Chmod(path, 0o700); err != nil { // so that it can be removed
			t.Error(err)
		}
	}
}

// A directory that is being filled is its owner's to write to, and nobody else's; what else
// it will allow it allows already, for a transfer that is killed leaves it so.
func TestUnfinishedMode(t *testing.T) {
	for final, now := range map[fs.FileMode]fs.FileMode{
		0o755: 0o755, 0o777: 0o755, 0o700: 0o700, 0o555: 0o755, 0o500: 0o700, 0: 0o700, 0o750: 0o750,
		fs.ModeDir | fs.ModeSetgid | 0o775: 0o755,
	} {
		if got := unfinished(final); got != now {
			t.Errorf("%v is made as %v, want %v", final, got, now)
		}
	}
}

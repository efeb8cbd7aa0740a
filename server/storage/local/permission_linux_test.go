package local

import (
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"ftpd/server/storage"
	"ftpd/server/storage/storagetest"

	"golang.org/x/sys/unix"
)

const nobody = 65534

// asNobody runs do without the privilege to read and write everything. The
// thread of a privileged test has another file system user then (setfsuid(2)),
// and ends with do; a test that has none to lose stays who it is.
func asNobody(t *testing.T, do func()) {
	t.Helper()
	if os.Geteuid() != 0 {
		do()
		return
	}
	done := make(chan bool)
	go func() {
		runtime.LockOSThread()
		_, _ = unix.SetfsuidRetUid(nobody)
		now, _ := unix.SetfsuidRetUid(nobody)
		if now == nobody {
			do()
		}
		done <- now == nobody
	}()
	if !<-done {
		t.Skip("cannot become another user")
	}
}

// reachable makes a temporary directory that another user reaches. Only what
// the test itself made is opened to everybody: the directory and the one that
// holds those of this test.
func reachable(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	check(t, os.Chmod(dir, 0o755))
	check(t, os.Chmod(filepath.Dir(dir), 0o755))
	if os.Geteuid() != 0 {
		return dir
	}
	for d := dir; d != filepath.Dir(d); d = filepath.Dir(d) {
		info, err := os.Stat(d)
		check(t, err)
		if info.Mode()&0o001 == 0 {
			t.Skipf("another user does not reach %s, below which the temporary directories are", d)
		}
	}
	return dir
}

// restrict takes permissions away until the test ends.
func restrict(t *testing.T, path string, mode fs.FileMode) {
	t.Helper()
	check(t, os.Chmod(path, mode))
	t.Cleanup(func() { _ = os.Chmod(path, 0o755) }) // it may be gone
}

// give makes an entry that of the user whom asNobody runs as.
func give(t *testing.T, path string) {
	t.Helper()
	if os.Geteuid() == 0 {
		check(t, os.Chown(path, nobody, nobody))
	}
}

// TestNothingElseIsOpened has temporary directories where nobody else may look.
func TestNothingElseIsOpened(t *testing.T) {
	closed := t.TempDir() + "/closed"
	check(t, os.Mkdir(closed, 0o700))
	t.Setenv("TMPDIR", closed)
	t.Run("within", func(t *testing.T) { reachable(t) })
	if info, err := os.Stat(closed); err != nil || info.Mode().Perm() != 0o700 {
		t.Errorf("%v, %v: the mode of what is not the test's own", info.Mode(), err)
	}
}

func TestWithoutPermission(t *testing.T) {
	dir := reachable(t)
	write(t, dir+"/closed/f", "x")
	write(t, dir+"/names/f", "x")
	write(t, dir+"/open/f", "x")
	write(t, dir+"/open/secret", "x")
	check(t, os.Chmod(dir, 0o777)) // staging is possible
	restrict(t, dir+"/open/secret", 0)
	restrict(t, dir+"/open", 0o555)
	restrict(t, dir+"/closed", 0)
	restrict(t, dir+"/names", 0o444)
	asNobody(t, func() {
		s := open(t, dir, Options{})
		entries := storagetest.Walk(t, s, storage.Root, true)
		for name, bad := range map[string]bool{"closed": true, "names": false, "names/f": true, "open": false, "open/f": false} {
			if entry, ok := entries[name]; !ok || (entry.Err != nil) != bad {
				t.Errorf("%s: %+v", name, entry)
			}
		}
		if entries["closed"].Kind != storage.Directory {
			t.Errorf("closed: %+v", entries["closed"])
		}
		_, open := s.Open("open/secret")
		_, list := s.List("closed", false)
		_, create := s.Create("open/f", storage.CreateOptions{})
		_, remove := s.Remove(t.Context(), "open/f", false)
		_, tree := s.Remove(t.Context(), "closed", true)
		for what, err := range map[string]error{
			"Open": open, "List": list, "Create": create, "Remove": remove, "Remove of a tree": tree,
			"Mkdir": s.Mkdir("open/d", 0, false), "Rename": s.Rename("open/f", "open/g", storage.RenameOptions{}),
		} {
			wantError(t, what, err, fs.ErrPermission)
		}
	})
}

// TestRootThatIsNotWritable has a directory below it that is: the server says
// why nothing can be uploaded.
func TestRootThatIsNotWritable(t *testing.T) {
	dir := reachable(t)
	check(t, os.Mkdir(dir+"/incoming", 0o755))
	check(t, os.Chmod(dir+"/incoming", 0o777))
	restrict(t, dir, 0o555)
	asNobody(t, func() {
		s := open(t, dir, Options{})
		_, err := s.Create("incoming/f", storage.CreateOptions{})
		wantError(t, "Create", err, fs.ErrPermission)
		if err != nil && !strings.Contains(err.Error(), stagingDirectory) {
			t.Error(err)
		}
	})
}

package client

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func openTop(t *testing.T, path string) *localDir {
	t.Helper()
	dirs, err := openLocalDirs(path, keepOpen)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { dirs.finish(nil) })
	return dirs.open["."]
}

// A small file gets exactly its mode and time, whatever the umask and an ACL say that
// new files get, and whatever was learned from those before.
func TestStoreSmall(t *testing.T) {
	withACL := t.TempDir()
	// Version 2, and three entries of tag, permissions and id: owner rw, group none,
	// others none (acl(5), linux/posix_acl_xattr.h).
	acl := []byte("\x02\x00\x00\x00\x01\x00\x06\x00\xff\xff\xff\xff\x04\x00\x00\x00\xff\xff\xff\xff\x20\x00\x00\x00\xff\xff\xff\xff")
	aclErr := unix.Setxattr(withACL, "system.posix_acl_default", acl, 0)
	for name, test := range map[string]struct {
		dir   string
		umask int
		skip  error
	}{
		"no umask":    {dir: t.TempDir()},
		"usual umask": {dir: t.TempDir(), umask: 0o022},
		"tight umask": {dir: t.TempDir(), umask: 0o777},
		"ACL":         {dir: withACL, skip: aclErr},
	} {
		t.Run(name, func(t *testing.T) {
			if test.skip != nil {
				t.Skipf("this file system takes no default ACL: %v", test.skip)
			}
			defer syscall.Umask(syscall.Umask(test.umask))
			for _, named := range []bool{false, true} {
				dir := openTop(t, test.dir)
				dir.direct.named.Store(named)
				for i, mode := range []fs.FileMode{0o600, 0o644, 0o666, 0o600, 0o777, 0o444, 0, 0o644} {
					for _, name := range []string{"f", fmt.Sprint("new", named, i)} { // one is replaced
						storesAs(t, dir, test.dir, name, mode)
					}
				}
			}
			noParts(t, test.dir)
		})
	}
}

func storesAs(t *testing.T, dir *localDir, path, name string, mode fs.FileMode) {
	t.Helper()
	mtime := time.Unix(1e9, 123456789)
	if err := dir.store(name, []byte("content"), Info{Mode: mode, Mtime: mtime}); err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(filepath.Join(path, name))
	if err != nil || info.Mode() != mode || !info.ModTime().Equal(mtime) || info.Size() != 7 {
		t.Errorf("want %v: %v, %v", mode, info, err)
	}
}

// Where a file may have no name, none is left of one that failed, and where it may not,
// each has one; a directory is asked once.
func TestStoreSmallUnnamed(t *testing.T) {
	base := t.TempDir()
	fd, err := openUnnamed(unix.AT_FDCWD, 0o600)
	if err != nil {
		t.Skipf("this file system makes no file without a name: %v", err)
	}
	_ = unix.Close(fd)
	dir := openTop(t, base)
	if err := dir.direct.open(dir.root); err != nil {
		t.Fatal(err)
	}
	if made, err := dir.direct.storeUnnamed("f", []byte("new"), Info{Mode: 0o600}); !made || err != nil {
		t.Fatal(made, err)
	}
	if made, err := dir.direct.storeUnnamed("f", []byte("newer"), Info{Mode: 0o600}); made || err != nil || dir.direct.named.Load() {
		t.Errorf("of a name that is taken: %t, %v", made, err)
	}
	if content, err := os.ReadFile(filepath.Join(base, "f")); string(content) != "new" {
		t.Errorf("%q, %v", content, err)
	}
	if made, err := dir.direct.storeUnnamed("no/where", nil, Info{Mode: 0o600}); made || err != nil || !dir.direct.named.Load() {
		t.Errorf("of a directory in which it failed: %t, %v", made, err)
	}
}

// What has a small file's name is replaced, and nothing else written to.
func TestStoreSmallStays(t *testing.T) {
	base, outside := t.TempDir(), filepath.Join(t.TempDir(), "outside")
	if err := os.WriteFile(outside, []byte("untouched"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, plant := range map[string]func(path string) error{
		"link":      func(path string) error { return os.Symlink(outside, path) },
		"hard link": func(path string) error { return os.Link(outside, path) },
		"pipe":      func(path string) error { return syscall.Mkfifo(path, 0o600) },
	} {
		if err := plant(filepath.Join(base, name)); err != nil {
			t.Fatal(err)
		}
		if err := openTop(t, base).store(name, []byte("new"), Info{Mode: 0o600}); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		info, err := os.Lstat(filepath.Join(base, name))
		if err != nil || info.Mode() != 0o600 || info.Size() != 3 {
			t.Errorf("%s became %v, %v", name, info, err)
		}
	}
	if content, err := os.ReadFile(outside); string(content) != "untouched" {
		t.Errorf("outside is %q, %v", content, err)
	}
	if err := os.Mkdir(filepath.Join(base, "dir"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := openTop(t, base).store("dir", []byte("new"), Info{Mode: 0o600}); err == nil {
		t.Error("a directory was replaced")
	}
	noParts(t, base)
}

// Only a regular file that is small is read as one, and a link is not followed.
func TestLoadSmall(t *testing.T) {
	base := t.TempDir()
	mtime := time.Unix(1e9, 5)
	write := func(name, content string) string {
		path := filepath.Join(base, name)
		if err := os.WriteFile(path, []byte(content), 0o640); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, mtime, mtime); err != nil {
			t.Fatal(err)
		}
		return path
	}
	plain := write("plain", "1234567")
	write("empty", "")
	write("long", "12345678")
	if err := errors.Join(os.Symlink(plain, filepath.Join(base, "link")), syscall.Mkfifo(filepath.Join(base, "pipe"), 0o600),
		os.Mkdir(filepath.Join(base, "dir"), 0o700)); err != nil {
		t.Fatal(err)
	}
	dir := openTop(t, base)
	for name, want := range map[string]int64{"plain": 7, "empty": 0, "long": -1, "link": -1, "pipe": -1, "dir": -1, "missing": -1} {
		b := make([]byte, 8)
		info, err := dir.load(name, b)
		switch {
		case want < 0 && err == nil:
			t.Errorf("%s was read", name)
		case want >= 0 && (err != nil || info.Size != want || info.Mode != 0o640 || !info.Mtime.Equal(mtime)):
			t.Errorf("%s: %+v, %v", name, info, err)
		}
	}
	// Its size is 0, and its content is not.
	if _, err := openTop(t, "/proc/self").load("status", make([]byte, 8)); err == nil {
		t.Error("a part of a file of /proc was taken for all of it")
	}
}

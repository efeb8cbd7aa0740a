//go:build unix

package local

import (
	"errors"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"testing"

	"ftpd/server/storage"

	"golang.org/x/sys/unix"
)

func TestErrorNumbers(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	for number, want := range map[syscall.Errno]error{
		unix.ENOENT: fs.ErrNotExist, unix.EEXIST: fs.ErrExist,
		unix.EACCES: fs.ErrPermission, unix.EPERM: fs.ErrPermission, unix.EROFS: fs.ErrPermission, unix.EBUSY: fs.ErrPermission,
		unix.ENOTEMPTY: storage.ErrNotEmpty, unix.EISDIR: storage.ErrIsDirectory, unix.ENOTDIR: storage.ErrNotDirectory,
		unix.ENOSPC: storage.ErrNoSpace, unix.EDQUOT: storage.ErrQuota, unix.EFBIG: storage.ErrTooLarge,
		unix.ENAMETOOLONG: storage.ErrInvalid, unix.EXDEV: storage.ErrInvalid, unix.ELOOP: storage.ErrInvalid,
		unix.EINVAL: storage.ErrInvalid, unix.EILSEQ: storage.ErrInvalid, unix.ENXIO: storage.ErrInvalid,
		unix.EIO: unix.EIO, unix.EMFILE: unix.EMFILE,
	} {
		for _, err := range []error{number, &fs.PathError{Op: "openat", Path: "/srv/secret/a", Err: number}} {
			got := s.fail("a/b", err)
			if !errors.Is(got, want) || !strings.HasPrefix(got.Error(), `"a/b": `) || strings.Contains(got.Error(), "/srv") {
				t.Errorf("%v: %v", err, got)
			}
			if again := s.fail("c", got); want != error(number) && again != got {
				t.Errorf("%v: a second time: %v", err, again)
			}
		}
	}
	if err := s.fail("a", nil); err != nil {
		t.Errorf("no error: %v", err)
	}
}

// TestEscapeError fails when os.Root comes to say something else of a path
// that leads out of it.
func TestEscapeError(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	check(t, os.Symlink("/etc", dir+"/out"))
	check(t, os.Mkdir(dir+"/d", 0o755))
	for _, path := range []string{"..", "d/../..", "/etc", "out/passwd"} {
		_, err := s.root.Open(path)
		if !errors.Is(err, s.escapes) {
			t.Errorf("%s: %v, not %v", path, err, s.escapes)
		}
		if got := s.fail("p", err); !errors.Is(got, fs.ErrPermission) || !strings.Contains(got.Error(), "leads out of the served directory") {
			t.Errorf("%s: %v", path, got)
		}
	}
	_, err := s.root.Open("missing")
	if errors.Is(err, s.escapes) {
		t.Errorf("%v passes for an escape", err)
	}
}

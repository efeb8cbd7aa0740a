package local

import (
	"io/fs"
	"os"
	"path/filepath"
	"testing"

	"ftpd/server/storage"
	"ftpd/server/storage/storagetest"

	"golang.org/x/sys/unix"
)

// What is told from memory is what Stat says, and what is not plain is left to Stat.
func TestStatCached(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "sub", "file"), "content")
	check(t, os.Symlink("sub", filepath.Join(dir, "link")))
	check(t, os.Symlink("file", filepath.Join(dir, "sub", "link")))
	check(t, os.Symlink(t.TempDir(), filepath.Join(dir, "out")))
	s := open(t, dir, Options{})
	if !s.cached.known {
		t.Skip("the file system of the temporary directory is none whose files are known to be described from memory")
	}
	for _, path := range []storage.Path{".", "sub", "sub/file"} {
		want, err := s.Stat(path, true) // and has the names in memory
		check(t, err)
		if got, ok := s.StatCached(path); !ok || got != want {
			t.Errorf("%s: %+v, %v instead of %+v", path, got, ok, want)
		}
	}
	for _, path := range []storage.Path{"nothing", "sub/file/below", "link", "link/file", "sub/link", "out", ".."} {
		if got, ok := s.StatCached(path); ok {
			t.Errorf("%s: %+v", path, got)
		}
	}
	s.cached.device++
	if _, ok := s.StatCached("sub"); ok {
		t.Error("told of another device")
	}
	s.cached.device--
	s.inSteps.Store(true)
	if _, ok := s.StatCached("sub"); ok {
		t.Error("told where openat2(2) is refused")
	}
}

// No mount point is passed: what is mounted there may have to ask another program, and may be
// the store's own directory by another name.
func TestStatCachedAtAMount(t *testing.T) {
	dir := t.TempDir()
	mounted := filepath.Join(dir, "mounted")
	check(t, os.Mkdir(mounted, 0o755))
	s := open(t, dir, Options{})
	storagetest.Stage(t, s, "f", "half", storage.CreateOptions{})
	if err := unix.Mount(filepath.Join(dir, ".ftpd-staging"), mounted, "", unix.MS_BIND, ""); err != nil {
		t.Skip("cannot mount a directory:", err)
	}
	t.Cleanup(func() { check(t, unix.Unmount(mounted, 0)) })
	inside, err := os.ReadDir(mounted)
	check(t, err)
	for _, path := range []storage.Path{"mounted", storage.Path("mounted/" + inside[0].Name())} {
		_, _ = s.Stat(path, true) // has the names in memory
		if got, ok := s.StatCached(path); ok {
			t.Errorf("%s: %+v", path, got)
		}
	}
	_, err = s.Stat(storage.Path("mounted/"+inside[0].Name()), true)
	wantError(t, "Stat", err, fs.ErrPermission)
}

// A root that was removed while it is open has a description still, which is not told.
func TestStatCachedOfARemovedRoot(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "root")
	check(t, os.Mkdir(dir, 0o755))
	s := open(t, dir, Options{})
	check(t, os.Remove(dir))
	if got, ok := s.StatCached(storage.Root); ok {
		t.Errorf("%+v", got)
	}
	_, err := s.Stat(storage.Root, true)
	wantError(t, "Stat", err, fs.ErrNotExist)
}

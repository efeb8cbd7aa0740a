package local

import (
	"os"
	"path/filepath"
	"testing"

	"ftpd/server/storage"
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

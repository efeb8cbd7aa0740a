//go:build unix

package local

import (
	"io/fs"
	"os"
	"testing"

	"ftpd/server/storage"
	"ftpd/server/storage/storagetest"
)

// TestTakeBack has a call fail that has made directories. What somebody else has been
// told is there stays, and so does what is not empty.
func TestTakeBack(t *testing.T) {
	for what, meanwhile := range map[string]func(s *Store, dir string){
		"a/b/c": func(s *Store, _ string) { check(t, s.Mkdir("a/b/c", 0, true)) },
		"a/b":   func(s *Store, _ string) { check(t, s.Mkdir("a/b", 0, true)) },
		"a":     func(s *Store, _ string) { storagetest.Put(t, s, "a/f", "") },
		"a/b/d": func(_ *Store, dir string) { check(t, os.Mkdir(dir+"/a/b/d", 0o755)) },
		"":      func(*Store, string) {},
		"moved": func(s *Store, _ string) { check(t, s.Rename("a", "moved", storage.RenameOptions{})) },
	} {
		dir := t.TempDir()
		s := open(t, dir, Options{NoSync: true})
		d, err := s.makeDirectories("a/b/c", 0)
		check(t, err)
		meanwhile(s, dir)
		s.settle(d.births, false)
		d.close()
		for _, name := range []string{"a/b/c", "a/b", "a", "a/b/d", "moved"} {
			_, err := os.Lstat(dir + "/" + name)
			want := len(what) >= len(name) && what[:len(name)] == name
			if (err == nil) != want {
				t.Errorf("with %q: %s: %v", what, name, err)
			}
		}
		if n := len(s.fresh.made); n > 0 {
			t.Errorf("with %q: %d directories stay fresh", what, n)
		}
	}
}

// TestAdoptTooLate comes upon a directory that its maker takes back.
func TestAdoptTooLate(t *testing.T) {
	s := open(t, t.TempDir(), Options{NoSync: true})
	d, err := s.makeDirectories("a/b", 0)
	check(t, err)
	same, err := s.nearest("a/b")
	check(t, err)
	defer same.close()
	s.settle(d.births, false)
	d.close()
	wantError(t, "adopt", s.fresh.adopt(&same), fs.ErrNotExist)
	check(t, s.Mkdir("a/b", 0, true))
}

//go:build unix

package local

import (
	"io"
	"io/fs"
	"os"
	"runtime"
	"strings"
	"testing"

	"ftpd/server/storage"
	"ftpd/server/storage/storagetest"
)

// listError returns the error that a listing of the root ends with.
func listError(t *testing.T, s *Store, recursive bool) error {
	t.Helper()
	l, err := s.List(storage.Root, recursive)
	if err != nil {
		return err
	}
	defer l.Close()
	entry, err := l.Next()
	if err == nil {
		t.Errorf("listed: %+v", entry)
	}
	return err
}

// TestRootThatIsRemoved takes the served directory away from a server.
func TestRootThatIsRemoved(t *testing.T) {
	dir := t.TempDir() + "/root"
	write(t, dir+"/d/f", "content")
	s := open(t, dir, Options{NoSync: true})
	storagetest.Put(t, s, "g", "content") // so that there is an instance to be lost too
	check(t, os.RemoveAll(dir))
	_, stat := s.Stat(storage.Root, true)
	_, statFile := s.Stat("d/f", false)
	_, list := s.List("d", false)
	_, openFile := s.Open("d/f")
	_, create := s.Create("f", storage.CreateOptions{})
	_, createParents := s.Create("d/e/f", storage.CreateOptions{Parents: true})
	for what, err := range map[string]error{
		"Stat of the root": stat, "Stat": statFile, "List": list, "Open": openFile,
		"Create": create, "Create with parents": createParents,
		"List of the root": listError(t, s, false), "List of all": listError(t, s, true),
	} {
		wantError(t, what, err, fs.ErrNotExist)
		if err != nil && strings.Contains(err.Error(), dir) {
			t.Errorf("%s: %v", what, err)
		}
	}
}

// TestRootThatIsRemovedWhileListed has the listing fail in the middle.
func TestRootThatIsRemovedWhileListed(t *testing.T) {
	dir := t.TempDir() + "/root"
	check(t, os.Mkdir(dir, 0o755))
	s := open(t, dir, Options{NoSync: true})
	l, err := s.List(storage.Root, true)
	check(t, err)
	defer l.Close()
	check(t, os.RemoveAll(dir))
	entry, err := l.Next()
	if entry.Path != "" {
		t.Errorf("listed: %+v", entry)
	}
	if err != io.EOF || runtime.GOOS == "linux" { // elsewhere a directory that is gone may read as empty
		wantError(t, "Next", err, fs.ErrNotExist)
	}
	if _, err := l.Next(); err != io.EOF {
		t.Errorf("Next after the end: %v", err)
	}
}

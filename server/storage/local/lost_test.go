//go:build unix

package local

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"sync"
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

// wantFault wants an error that is the server's own, and says of what.
func wantFault(t *testing.T, what string, err error) {
	t.Helper()
	if err == nil || !strings.Contains(err.Error(), stagingDirectory) {
		t.Errorf("%s: %v; want an error that names %s", what, err, stagingDirectory)
	}
	for _, kind := range []error{
		fs.ErrNotExist, fs.ErrExist, fs.ErrPermission, fs.ErrClosed,
		storage.ErrNotDirectory, storage.ErrIsDirectory, storage.ErrInvalid, storage.ErrNotEmpty,
	} {
		if errors.Is(err, kind) {
			t.Errorf("%s: %v; want a fault of the server", what, err)
		}
	}
}

// TestStagingThatIsRemoved takes away all of the staging directory, or part of
// it, while a file is staged.
func TestStagingThatIsRemoved(t *testing.T) {
	for what, remove := range map[string]func(staging, instance string) error{
		"all of it":    func(staging, _ string) error { return os.RemoveAll(staging) },
		"the instance": func(_, instance string) error { return os.RemoveAll(instance) },
		"moved away": func(staging, instance string) error {
			if err := os.Rename(staging, staging+".old"); err != nil {
				return err
			}
			return os.RemoveAll(staging + ".old")
		},
	} {
		dir := t.TempDir()
		before := descriptors(t)
		var log bytes.Buffer
		s := open(t, dir, Options{NoSync: true, Logger: slog.New(slog.NewTextHandler(&log, nil))})
		storagetest.Put(t, s, "f", "before")
		lost := storagetest.Stage(t, s, "lost", "half", storage.CreateOptions{})
		first := s.instance.name
		check(t, remove(dir+"/"+stagingDirectory, dir+"/"+stagingDirectory+"/"+first))

		again := storagetest.Stage(t, s, "g", "after", storage.CreateOptions{})
		storagetest.Put(t, s, "h", "after")
		// The new one is locked like the first, so that nobody sweeps it.
		check(t, open(t, dir, Options{NoSync: true}).Close())
		_, err := again.Commit(storage.Attributes{})
		check(t, err)
		if got := storagetest.Get(t, s, "g") + storagetest.Get(t, s, "h"); got != "afterafter" {
			t.Errorf("%s: the files hold %q", what, got)
		}
		if n := strings.Count(log.String(), "level=WARN"); n != 1 || !strings.Contains(log.String(), stagingDirectory) {
			t.Errorf("%s: logged %q", what, log.String())
		}
		_, err = lost.Commit(storage.Attributes{})
		wantFault(t, what+": Commit of what was lost", err)
		if _, err := os.Lstat(dir + "/" + stagingDirectory + "/" + first + lockSuffix); err == nil {
			t.Errorf("%s: the lock of what was lost stays", what)
		}
		check(t, s.Close())
		wantNoLitter(t, dir)
		if after := descriptors(t); after != before {
			t.Errorf("%s: %d descriptors before, %d after", what, before, after)
		}
	}
}

// TestStagingIsLostAgainAndAgain has it vanish under many uploads at once.
func TestStagingIsLostAgainAndAgain(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{NoSync: true})
	other := open(t, dir, Options{NoSync: true})
	before := descriptors(t)
	for round := range 30 {
		var wg sync.WaitGroup
		for i := range 4 {
			for _, s := range []*Store{s, other} {
				wg.Go(func() {
					st, err := s.Create(storage.Path(fmt.Sprint("f", i)), storage.CreateOptions{})
					if err != nil {
						t.Errorf("round %d: %v", round, err)
						return
					}
					if _, err := st.Commit(storage.Attributes{}); err != nil {
						t.Errorf("round %d: %v", round, err)
					}
				})
			}
		}
		wg.Wait()
		check(t, os.RemoveAll(dir+"/"+stagingDirectory))
	}
	if after := descriptors(t); after > before+2*2 {
		t.Errorf("%d descriptors before, %d after: more than those of two instances", before, after)
	}
	check(t, s.Close())
	check(t, other.Close())
	wantNoLitter(t, dir)
}

// TestStagingThatIsReplaced has something else in the place of the staging
// directory, which is no fault of whom uploads.
func TestStagingThatIsReplaced(t *testing.T) {
	for what, put := range map[string]func(path string) error{
		"a link out":       func(path string) error { return os.Symlink("/tmp", path) },
		"a link to a file": func(path string) error { return os.Symlink("f", path) },
		"a link to itself": func(path string) error { return os.Symlink(stagingDirectory, path) },
		"a link within":    func(path string) error { return os.Symlink("d", path) },
		"a dangling link":  func(path string) error { return os.Symlink("missing", path) },
		"a file":           func(path string) error { return os.WriteFile(path, nil, 0o644) },
	} {
		dir := t.TempDir()
		check(t, os.Mkdir(dir+"/d", 0o755))
		path := dir + "/" + stagingDirectory
		s := open(t, dir, Options{NoSync: true})
		storagetest.Put(t, s, "f", "before")
		check(t, os.RemoveAll(path))
		check(t, put(path))
		fresh := open(t, dir, Options{NoSync: true})
		for range 2 {
			_, err := s.Create("f", storage.CreateOptions{})
			wantFault(t, what, err)
			_, err = fresh.Create("f", storage.CreateOptions{})
			wantFault(t, what+", from the start", err)
		}
		if names := storagetest.Names(t, s, "d", true); len(names) > 0 {
			t.Errorf("%s: left %q", what, names)
		}
		check(t, os.Remove(path))
		storagetest.Put(t, s, "f", "after")
		check(t, s.Close())
		check(t, fresh.Close())
		wantNoLitter(t, dir)
	}
}

// TestStagingThatIsOpenToOthers finds a staging directory that somebody else has made.
// One of the server's own user is closed to others, any other is refused.
func TestStagingThatIsOpenToOthers(t *testing.T) {
	dir := t.TempDir()
	path := dir + "/" + stagingDirectory
	makeOpen := func() {
		t.Helper()
		check(t, os.RemoveAll(path))
		check(t, os.Mkdir(path, 0o755))
		check(t, os.Chmod(path, 0o777))
	}
	wantClosed := func(what string, s *Store) {
		t.Helper()
		st := storagetest.Stage(t, s, "f", "half", storage.CreateOptions{})
		defer st.Abort()
		if info, err := os.Stat(path); err != nil || info.Mode() != fs.ModeDir|fs.ModeSticky|0o700 {
			t.Errorf("%s: %v, %v", what, info.Mode(), err)
		}
	}
	s := open(t, dir, Options{NoSync: true})
	makeOpen()
	wantClosed("made while serving", s)
	makeOpen()
	wantClosed("made again while serving", s)
	check(t, s.Close())
	makeOpen()
	check(t, os.Mkdir(path+"/x", 0o755)) // or the start would remove it
	check(t, os.WriteFile(path+"/x/0", nil, 0o600))
	wantClosed("from the start", open(t, dir, Options{NoSync: true}))
}

// TestStagingOfAnotherUser never writes to one, and says at the start that it does not
// where others can write to it.
func TestStagingOfAnotherUser(t *testing.T) {
	dir := t.TempDir()
	path := dir + "/" + stagingDirectory
	s := open(t, dir, Options{NoSync: true})
	check(t, os.Mkdir(path, 0o700))
	check(t, os.Chmod(path, fs.ModeSticky|0o700))
	if err := os.Chown(path, os.Geteuid()+1, -1); err != nil {
		t.Skipf("nothing can be given to another user: %v", err)
	}
	_, err := s.Create("f", storage.CreateOptions{})
	wantFault(t, "Create in what belongs to another user", err)
	check(t, os.Chmod(path, 0o777))
	_, err = s.Create("f", storage.CreateOptions{})
	wantFault(t, "Create in what others can write to", err)
	if s, err := Open(dir, Options{}); err == nil {
		s.Close()
		t.Error("a server starts with a staging directory that others can write to")
	} else if !errors.Is(err, errLost) || !strings.Contains(err.Error(), dir) {
		t.Error(err)
	}
	check(t, open(t, dir, Options{ReadOnly: true}).Close()) // it stages nothing
	if names, err := os.ReadDir(path); err != nil || len(names) > 0 {
		t.Errorf("left: %v, %v", names, err)
	}
}

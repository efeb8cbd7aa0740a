//go:build unix

package local

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ftpd/server/storage"
	"ftpd/server/storage/storagetest"

	"go.uber.org/goleak"
)

// TestMain is also the program that TestKilled starts and kills.
func TestMain(m *testing.M) {
	if dir := os.Getenv(childVariable); dir != "" {
		child(dir)
		return
	}
	goleak.VerifyTestMain(m)
}

func TestConformance(t *testing.T) {
	storagetest.Run(t, func(t *testing.T) storage.Storage { return open(t, t.TempDir(), Options{}) })
}

// open opens a store that is closed with the test, if not before. Whatever the
// test did, no staging file and no descriptor may be left then.
// inSteps has open return stores that do without openat2(2).
var inSteps atomic.Bool

func open(t testing.TB, dir string, options Options) *Store {
	t.Helper()
	s, err := Open(dir, options)
	if err != nil {
		t.Fatal(err)
	}
	s.inSteps.Store(inSteps.Load())
	t.Cleanup(func() { s.Close() })
	return s
}

func write(t testing.TB, path, content string) {
	t.Helper()
	check(t, os.MkdirAll(filepath.Dir(path), 0o755))
	check(t, os.WriteFile(path, []byte(content), 0o644))
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantError(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v; want %v", what, err, want)
	}
}

// reserved returns every name below dir that is the server's own.
func reserved(t *testing.T, dir string) (found []string) {
	t.Helper()
	check(t, filepath.WalkDir(dir, func(path string, _ fs.DirEntry, err error) error {
		if err == nil && strings.Contains(path, "/"+storage.Reserved) {
			found = append(found, strings.TrimPrefix(path, dir))
		}
		return nil
	}))
	return found
}

func wantNoLitter(t *testing.T, dir string) {
	t.Helper()
	if found := reserved(t, dir); len(found) > 0 {
		t.Errorf("left in the tree: %q", found)
	}
}

func TestOpenRefuses(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/f", "")
	for _, path := range []string{dir + "/f", dir + "/missing"} {
		if s, err := Open(path, Options{}); err == nil {
			s.Close()
			t.Errorf("Open(%q) works", path)
		} else if !strings.Contains(err.Error(), path) {
			t.Errorf("%q does not name %q", err, path)
		}
	}
}

func TestNothingIsMadeBeforeTheFirstUpload(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	_, err := s.Stat(storage.Root, true)
	check(t, err)
	wantNoLitter(t, dir)
}

func TestCloseLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	storagetest.Put(t, s, "f", "done")
	half := storagetest.Stage(t, s, "g", "half", storage.CreateOptions{})
	if len(reserved(t, dir)) == 0 {
		t.Error("nothing is staged")
	}
	check(t, s.Close())
	check(t, s.Close())
	wantNoLitter(t, dir)
	_, err := half.Commit(storage.Attributes{})
	wantError(t, "Commit after Close", err, fs.ErrClosed)
	_, err = s.Create("h", storage.CreateOptions{})
	if err == nil {
		t.Error("Create works after Close")
	}
	if _, err := os.Lstat(dir + "/g"); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the aborted upload: %v", err)
	}
}

func TestReadOnly(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/f", "content")
	write(t, dir+"/.ftpd-staging/killed/0", "left by another server")
	check(t, os.Mkdir(dir+"/e", 0o755))
	s := open(t, dir, Options{ReadOnly: true})
	_, create := s.Create("g", storage.CreateOptions{})
	_, remove := s.Remove(t.Context(), "f", true)
	for what, err := range map[string]error{
		"Create":                 create,
		"Remove":                 remove,
		"Mkdir":                  s.Mkdir("d", 0, true),
		"Mkdir of what is there": s.Mkdir("e", 0, false),
		"Rename":                 s.Rename("f", "g", storage.RenameOptions{}),
	} {
		wantError(t, what, err, fs.ErrPermission)
		if !strings.Contains(err.Error(), "the server is read-only") {
			t.Errorf("%s: %v", what, err)
		}
	}
	check(t, s.Mkdir("e", 0, true)) // it is there
	if got := storagetest.Get(t, s, "f"); got != "content" {
		t.Errorf("the file holds %q", got)
	}
	check(t, s.Close())
	if _, err := os.Lstat(dir + "/.ftpd-staging/killed/0"); err != nil {
		t.Errorf("a read-only store swept: %v", err)
	}
}

func TestDefaultModes(t *testing.T) {
	for _, test := range []struct {
		options         Options
		file, directory uint32 // before the umask
	}{
		{Options{}, 0o644, 0o755},
		{Options{FileMode: 0o666, DirectoryMode: 0o777}, 0o666, 0o777},
		{Options{FileMode: 0o600, DirectoryMode: 0o700}, 0o600, 0o700},
	} {
		s := open(t, t.TempDir(), test.options)
		umask := umaskOf(t)
		if info := storagetest.Put(t, s, "d/f", ""); info.Mode != test.file&^umask {
			t.Errorf("%+v: the file has mode %o", test.options, info.Mode)
		}
		if info, err := s.Stat("d", false); err != nil || info.Mode != test.directory&^umask {
			t.Errorf("%+v: the directory has mode %o, %v", test.options, info.Mode, err)
		}
	}
}

func TestModesHaveNoSpecialBits(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{NoSync: true})
	_, err := storagetest.Stage(t, s, "f", "", storage.CreateOptions{}).Commit(storage.Attributes{Mode: 0o7755})
	check(t, err)
	check(t, s.Mkdir("d", 0o7755, false))
	for _, name := range []string{"f", "d"} {
		info, err := os.Stat(dir + "/" + name)
		check(t, err)
		if info.Mode()&(fs.ModeSetuid|fs.ModeSetgid|fs.ModeSticky) != 0 || info.Mode().Perm() != 0o755 {
			t.Errorf("%s: %v", name, info.Mode())
		}
	}
}

func umaskOf(t *testing.T) uint32 {
	path := t.TempDir() + "/f"
	f, err := os.OpenFile(path, os.O_CREATE, 0o777)
	check(t, err)
	info, err := f.Stat()
	check(t, err)
	check(t, f.Close())
	return ^uint32(info.Mode()) & 0o777
}

func TestSetGroupIDOfTheParent(t *testing.T) {
	dir := t.TempDir()
	check(t, os.Mkdir(dir+"/shared", 0o755))
	if err := os.Chown(dir+"/shared", -1, 12345); err != nil {
		t.Skip("cannot give a directory another group:", err)
	}
	check(t, os.Chmod(dir+"/shared", 0o775|fs.ModeSetgid))
	s := open(t, dir, Options{})
	storagetest.Put(t, s, "shared/f", "")
	check(t, s.Mkdir("shared/d", 0o770, false))
	for _, name := range []string{"f", "d"} {
		var out bytes.Buffer
		info, err := os.Stat(dir + "/shared/" + name)
		check(t, err)
		fmt.Fprintf(&out, "%+v", info.Sys())
		if !strings.Contains(out.String(), "Gid:12345") {
			t.Errorf("%s: %s", name, out.String())
		}
	}
	if info, err := os.Stat(dir + "/shared/d"); err != nil || info.Mode()&fs.ModeSetgid == 0 {
		t.Errorf("the directory lost the set-group-ID bit: %v, %v", info.Mode(), err)
	}
}

func TestETagOfChangesInPlace(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{})
	path := dir + "/f"
	write(t, path, "first")
	mtime := time.Unix(1_000_000_000, 0)
	seen := map[uint64]string{}
	look := func(what string) {
		t.Helper()
		info, err := s.Stat("f", true)
		check(t, err)
		if earlier, again := seen[info.ETag]; again {
			t.Errorf("after %q the ETag is that after %q", what, earlier)
		}
		seen[info.ETag] = what
	}
	look("the first write")
	write(t, path, "longer than before")
	look("a longer write")
	check(t, os.Chtimes(path, mtime, mtime))
	look("a new mtime")
	waitForTick(t, path)
	write(t, path, "as long as before.")
	check(t, os.Chtimes(path, mtime, mtime))
	look("a write of the same length with the mtime put back")
	check(t, os.Rename(path, path+".old"))
	write(t, path, "as long as before.")
	check(t, os.Chtimes(path, mtime, mtime))
	look("a replacement")
}

// TestETagOfWhatIsOpen moves the ctime of an open file, which counts unless that is
// the loss of its name.
func TestETagOfWhatIsOpen(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{NoSync: true})
	path := dir + "/f"
	write(t, path, "content")
	info, err := os.Stat(path)
	check(t, err)
	f, err := s.Open("f")
	check(t, err)
	defer f.Close()
	last, err := f.Stat()
	check(t, err)
	waitForTick(t, path)
	write(t, path, "CONTENT")
	check(t, os.Chtimes(path, time.Time{}, info.ModTime()))
	dated, err := f.Stat()
	if err != nil || dated.ETag == last.ETag {
		t.Errorf("a write with the mtime put back: %v, or the ETag is as before", err)
	}
	f, err = s.Open("f")
	check(t, err)
	defer f.Close()
	waitForTick(t, path)
	check(t, os.Remove(path))
	if removed, err := f.Stat(); err != nil || removed.ETag != dated.ETag {
		t.Errorf("removed: %v, or another ETag than before", err)
	}
}

// waitForTick returns once the file system's clock has moved on from the last
// change of path, so that a further change has another time.
func waitForTick(t *testing.T, path string) {
	t.Helper()
	probe := path + ".probe"
	info, err := os.Stat(path)
	check(t, err)
	before := fmt.Sprintf("%+v", info.Sys())
	ctime := before[strings.Index(before, "Ctim"):]
	for {
		write(t, probe, "")
		info, err := os.Stat(probe)
		check(t, err)
		now := fmt.Sprintf("%+v", info.Sys())
		if now[strings.Index(now, "Ctim"):] != ctime {
			check(t, os.Remove(probe))
			return
		}
	}
}

// childLine waits for the line that says how far a child has come.
func childLine(t *testing.T, r *bufio.Reader, want string) {
	t.Helper()
	line, err := r.ReadString('\n')
	if err != nil || strings.TrimSpace(line) != want {
		t.Fatalf("the child says %q, %v", line, err)
	}
}

//go:build unix

package local

import (
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ftpd/server/storage"
	"ftpd/server/storage/storagetest"

	"golang.org/x/sys/unix"
)

func makePipe(t *testing.T, path string) {
	t.Helper()
	check(t, unix.Mkfifo(path, 0o644))
}

func TestSpecialFiles(t *testing.T) {
	t.Chdir(t.TempDir()) // a socket's path has a hundred bytes or so
	makePipe(t, "pipe")
	socket, err := net.Listen("unix", "socket")
	check(t, err)
	defer socket.Close()
	s := open(t, ".", Options{NoSync: true})
	entries := storagetest.Walk(t, s, storage.Root, true)
	for _, name := range []string{"pipe", "socket"} {
		if entries[name].Kind != storage.Special || entries[name].ETag != 0 || entries[name].Size != 0 {
			t.Errorf("%s: %+v", name, entries[name])
		}
		if info, err := s.Stat(storage.Path(name), true); err != nil || info.Kind != storage.Special {
			t.Errorf("%s: %+v, %v", name, info, err)
		}
		_, err := s.Open(storage.Path(name))
		wantError(t, name, err, storage.ErrInvalid)
		if !strings.Contains(err.Error(), "is not a regular file") {
			t.Errorf("%s: %v", name, err)
		}
		if n, err := s.Remove(t.Context(), storage.Path(name), false); n != 1 || err != nil {
			t.Errorf("Remove(%s) = %d, %v", name, n, err)
		}
	}
}

func TestListOfLinksAndHiddenNames(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/d/f", "content")
	write(t, dir+"/d/.ftpd-beside", "hidden")
	write(t, dir+"/d/.ftpd-staging/x/0", "hidden")
	check(t, os.Symlink("d", dir+"/link"))
	check(t, os.Symlink("..", dir+"/d/up"))
	check(t, os.Symlink("/etc", dir+"/out"))
	check(t, os.Symlink("missing", dir+"/dangling"))
	s := open(t, dir, Options{NoSync: true})
	entries := storagetest.Walk(t, s, storage.Root, true)
	if len(entries) != 6 {
		t.Errorf("entries: %+v", entries)
	}
	for name, target := range map[string]string{"link": "d", "d/up": "..", "out": "/etc", "dangling": "missing"} {
		if e := entries[name]; e.Kind != storage.Symlink || e.Target != target || e.Err != nil {
			t.Errorf("%s: %+v", name, e)
		}
	}
	through := storagetest.Names(t, s, "link", true)
	if len(through) != 2 || through[0] != "f" || through[1] != "up" {
		t.Errorf("through the link: %q", through)
	}
	_, err := s.Remove(t.Context(), "d", true)
	wantError(t, "Remove of a directory with hidden files", err, storage.ErrNotEmpty)
	for _, path := range []string{"/d/.ftpd-beside", "/d/.ftpd-staging/x/0"} {
		if _, err := os.Lstat(dir + path); err != nil {
			t.Error(err)
		}
	}
}

func TestRemoveDoesNotFollowLinks(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/keep/f", "content")
	check(t, os.MkdirAll(dir+"/d/e", 0o755))
	check(t, os.Symlink("../keep", dir+"/d/link"))
	check(t, os.Symlink("../../keep/f", dir+"/d/e/link"))
	s := open(t, dir, Options{NoSync: true})
	if n, err := s.Remove(t.Context(), "d", true); n != 4 || err != nil {
		t.Errorf("Remove = %d, %v", n, err)
	}
	if got := storagetest.Get(t, s, "keep/f"); got != "content" {
		t.Errorf("the file holds %q", got)
	}
}

// deep makes levels directories in each other below dir, by names of 200
// bytes, and moves on by descriptor: the path is far longer than PATH_MAX.
func deep(t *testing.T, dir string, levels int) {
	t.Helper()
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	check(t, err)
	for range levels {
		check(t, unix.Mkdirat(fd, strings.Repeat("d", 200), 0o755))
		next, err := unix.Openat(fd, strings.Repeat("d", 200), unix.O_RDONLY|unix.O_DIRECTORY, 0)
		check(t, err)
		check(t, unix.Close(fd))
		fd = next
	}
	check(t, unix.Close(fd))
}

func TestPathsLongerThanPATHMAX(t *testing.T) {
	dir := t.TempDir()
	check(t, os.Mkdir(dir+"/top", 0o755))
	deep(t, dir+"/top", 100)
	s := open(t, dir, Options{NoSync: true})
	tooLong := 0
	for _, entry := range storagetest.Walk(t, s, storage.Root, true) {
		if entry.Err != nil {
			wantError(t, "the last entry", entry.Err, storage.ErrInvalid)
			tooLong++
		}
	}
	if tooLong != 1 {
		t.Errorf("%d entries have too long a path", tooLong)
	}
	if n, err := s.Remove(t.Context(), "top", true); n != 101 || err != nil {
		t.Errorf("Remove = %d, %v", n, err)
	}
}

// TestWalkLosesItsWay moves a directory that the walk has had to close, so
// that the way back up leads elsewhere.
func TestWalkLosesItsWay(t *testing.T) {
	dir := t.TempDir()
	const levels = maxOpen + 20
	check(t, os.MkdirAll(dir+"/"+strings.Repeat("d/", levels), 0o755))
	check(t, os.Mkdir(dir+"/after", 0o755))
	s := open(t, dir, Options{NoSync: true})
	l, err := s.List(storage.Root, true)
	check(t, err)
	defer l.Close()
	var failed []storage.Entry
	for {
		entry, err := l.Next()
		if err == io.EOF {
			break
		}
		check(t, err)
		if entry.Err != nil {
			failed = append(failed, entry)
		}
		if strings.Count(entry.Path, "/") == levels-1 {
			parked := dir + "/" + strings.Repeat("d/", levels-5)
			check(t, os.Rename(parked+"d", dir+"/after/d"))
		}
	}
	if len(failed) != 1 || strings.Contains(failed[0].Err.Error(), dir) {
		t.Errorf("entries with an error: %+v", failed)
	}
}

func TestWalksHoldFewDescriptors(t *testing.T) {
	dir := t.TempDir()
	check(t, os.MkdirAll(dir+"/"+strings.Repeat("d/", 200), 0o755))
	s := open(t, dir, Options{NoSync: true})
	before := descriptors(t)
	l, err := s.List(storage.Root, true)
	check(t, err)
	most := 0
	for {
		if _, err := l.Next(); err == io.EOF {
			break
		}
		most = max(most, descriptors(t)-before)
	}
	check(t, l.Close())
	if most > maxOpen+1 {
		t.Errorf("the walk held %d descriptors", most)
	}
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

// descriptors counts those of this process.
func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/dev/fd")
	check(t, err)
	return len(entries)
}

// TestNoDescriptorIsLost runs every operation, to an end and to an error.
func TestNoDescriptorIsLost(t *testing.T) {
	w := newWorld(t)
	w.link(t)
	write(t, w.root+"/a/b", "content")
	before := descriptors(t)
	s := open(t, w.root, Options{NoSync: true})
	for _, do := range operations {
		for _, path := range []storage.Path{
			"a", "a/b", "a/b/c", "missing", "missing/x", "relative", "relative/f", "absolute/f", ".", "inside", "inside/f",
		} {
			_ = do(s, path)
		}
		write(t, w.root+"/a/b", "content")
		write(t, w.root+"/inside/f", "content")
	}
	storagetest.Stage(t, s, "left", "open", storage.CreateOptions{})
	check(t, s.Close())
	if after := descriptors(t); after != before {
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

func TestNamesThatAreNotUTF8(t *testing.T) {
	dir := t.TempDir()
	name := "caf\xe9\xff"
	if err := os.WriteFile(filepath.Join(dir, name), []byte("content"), 0o644); err != nil {
		t.Skip("the file system takes no such name:", err)
	}
	s := open(t, dir, Options{NoSync: true})
	if entry := storagetest.Walk(t, s, storage.Root, false)[name]; entry.Size != 7 {
		t.Errorf("entry: %+v", entry)
	}
	check(t, s.Rename(storage.Path(name), "b\xff", storage.RenameOptions{}))
	storagetest.Put(t, s, "b\xff", "longer content")
	if got := storagetest.Get(t, s, "b\xff"); got != "longer content" {
		t.Errorf("the file holds %q", got)
	}
	_, err := s.Open("\xfe")
	wantError(t, "missing", err, fs.ErrNotExist)
}

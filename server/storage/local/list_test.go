//go:build unix

package local

import (
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"
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
// bytes: the path is far longer than PATH_MAX.
func deep(t *testing.T, dir string, levels int) {
	t.Helper()
	check(t, unix.Close(nest(t, dir, slices.Repeat([]string{strings.Repeat("d", 200)}, levels))))
}

// nest makes directories in each other below dir and opens the innermost. It
// moves on by descriptor, for the kernel takes no path beyond PATH_MAX.
func nest(t *testing.T, dir string, names []string) (fd int) {
	t.Helper()
	fd, err := unix.Open(dir, unix.O_RDONLY|unix.O_DIRECTORY, 0)
	check(t, err)
	for _, name := range names {
		check(t, unix.Mkdirat(fd, name, 0o755))
		next, err := unix.Openat(fd, name, unix.O_RDONLY|unix.O_DIRECTORY, 0)
		check(t, err)
		check(t, unix.Close(fd))
		fd = next
	}
	return fd
}

// walk lists a tree. Unlike storagetest.Walk it takes an entry with an error
// besides the plain one of the same path.
func walk(t *testing.T, s *Store, path storage.Path) (plain, failed map[string]storage.Entry) {
	t.Helper()
	l, err := s.List(path, true)
	check(t, err)
	defer l.Close()
	plain, failed = map[string]storage.Entry{}, map[string]storage.Entry{}
	for {
		entry, err := l.Next()
		if err == io.EOF {
			return plain, failed
		}
		check(t, err)
		into := plain
		if entry.Err != nil {
			into = failed
		}
		if _, twice := into[entry.Path]; twice {
			t.Errorf("the entry %q comes twice", entry.Path)
		}
		if len(entry.Path) > maxListed {
			t.Errorf("an entry's path has %d bytes", len(entry.Path))
		}
		into[entry.Path] = entry
	}
}

func TestEntriesWhoseOwnPathIsTooLong(t *testing.T) {
	dir := t.TempDir()
	names := append(slices.Repeat([]string{strings.Repeat("d", 200)}, 20), strings.Repeat("e", 70))
	half, within := strings.Join(names[:10], "/"), strings.Join(names[10:], "/")
	at := half + "/" + within
	if len(at) != 4090 {
		t.Fatalf("the directory's path has %d bytes", len(at))
	}
	fd := nest(t, dir, names)
	long := []string{strings.Repeat("f", 200), strings.Repeat("g", 200), strings.Repeat("h", 6), "fits", "short"}
	for _, name := range long {
		file, err := unix.Openat(fd, name, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL, 0o644)
		check(t, err)
		check(t, unix.Close(file))
	}
	inner := strings.Repeat("i", 200)
	check(t, unix.Mkdirat(fd, inner, 0o755))
	check(t, unix.Close(fd))
	s := open(t, dir, Options{NoSync: true})

	plain, failed := walk(t, s, storage.Root)
	if len(plain) != len(names)+2 || plain[at+"/fits"].Kind != storage.Regular || plain[at].Kind != storage.Directory {
		t.Errorf("%d entries; want the directories and the two files with short names", len(plain))
	}
	if entry := failed[at]; len(failed) != 1 || entry.Kind != storage.Directory {
		t.Errorf("%d entries with an error; want that of the directory with the files", len(failed))
	}
	wantError(t, "from the root", failed[at].Err, storage.ErrInvalid)

	// From half-way every path is short enough to be told; but into a
	// directory that a client could not name from the root it does not go.
	plain, failed = walk(t, s, storage.Path(half))
	if len(plain) != len(names)-10+len(long) || plain[within+"/"+long[0]].Kind != storage.Regular {
		t.Errorf("%d entries from half-way", len(plain))
	}
	if len(failed) != 1 {
		t.Errorf("%d entries with an error from half-way", len(failed))
	}
	wantError(t, "from half-way", failed[within+"/"+inner].Err, storage.ErrInvalid)
}

// TestDirectoryWhosePathJustFits has one with as long a path as a client can
// name: it is listed and can be gone into.
func TestDirectoryWhosePathJustFits(t *testing.T) {
	dir := t.TempDir()
	names := append(slices.Repeat([]string{strings.Repeat("d", 200)}, 20), strings.Repeat("e", 76))
	check(t, unix.Close(nest(t, dir, names)))
	at := strings.Join(names, "/")
	s := open(t, dir, Options{NoSync: true})
	plain, failed := walk(t, s, storage.Root)
	if _, ok := plain[at]; !ok || len(at) != maxListed || len(failed) != 0 {
		t.Errorf("a directory with a path of %d bytes: listed %v, %d errors", len(at), ok, len(failed))
	}
}

func TestPathsLongerThanPATHMAX(t *testing.T) {
	dir := t.TempDir()
	check(t, os.Mkdir(dir+"/top", 0o755))
	deep(t, dir+"/top", 100)
	s := open(t, dir, Options{NoSync: true})
	_, failed := walk(t, s, storage.Root)
	for _, entry := range failed {
		wantError(t, "the last entry", entry.Err, storage.ErrInvalid)
	}
	if len(failed) != 1 {
		t.Errorf("%d directories hold what has too long a path", len(failed))
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

// TestListDepth lists a tree deeper than the limit: the directories at it say so, and
// what lies beside them comes.
func TestListDepth(t *testing.T) {
	dir := t.TempDir()
	check(t, os.MkdirAll(dir+"/a/b/c/d", 0o755))
	check(t, os.MkdirAll(dir+"/z/y", 0o755))
	s := open(t, dir, Options{NoSync: true, ListDepth: 3})
	plain, failed := walk(t, s, storage.Root)
	if _, ok := failed["a/b/c"]; !ok || len(failed) != 1 {
		t.Errorf("with an error: %v", failed)
	}
	wantError(t, "the directory that is too deep", failed["a/b/c"].Err, storage.ErrInvalid)
	for _, name := range []string{"a", "a/b", "z", "z/y"} {
		if _, ok := plain[name]; !ok {
			t.Errorf("no %s", name)
		}
	}
	if _, failed := walk(t, s, "a/b"); len(failed) != 0 {
		t.Errorf("the depth counts from what is listed, but there failed %v", failed)
	}
}

// TestDeepListHoldsFewNames lists a deep chain whose directories have more entries than
// a listing may hold: it tells what it leaves out, and all that it can hold comes.
func TestDeepListHoldsFewNames(t *testing.T) {
	const levels, wide, files = maxOpen + 8, 9, 300 // the last of them are wide
	dir := t.TempDir()
	at := dir
	for level := range levels {
		at += "/0"
		check(t, os.MkdirAll(at, 0o755))
		for i := 0; i < files && level >= levels-wide; i++ {
			check(t, os.WriteFile(fmt.Sprintf("%s/f%d", at, i), nil, 0o644))
		}
	}
	s := open(t, dir, Options{NoSync: true})
	count := func(most int) (entries, failed, held int) {
		l, err := s.List(storage.Root, true)
		check(t, err)
		defer l.Close()
		l.(*lister).maxHeld = most
		for {
			entry, err := l.Next()
			if err == io.EOF {
				return entries, failed, held
			}
			check(t, err)
			entries++
			if entry.Err != nil {
				wantError(t, "a directory that is left out", entry.Err, storage.ErrInvalid)
				failed++
			}
			held = max(held, l.(*lister).held())
		}
	}
	if entries, failed, _ := count(maxHeld); entries != levels+wide*files || failed != 0 {
		t.Errorf("%d entries, %d with an error", entries, failed)
	}
	const most = 1
	if entries, failed, held := count(most); failed != 1 || held > most+3*readAhead || entries >= levels+wide*files {
		t.Errorf("%d entries, %d with an error, and %d names were held", entries, failed, held)
	}
}

package local

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"testing"

	"ftpd/server/storage"
	"ftpd/server/storage/storagetest"

	"golang.org/x/sys/unix"
)

// mount puts an empty tmpfs of a mebibyte at path until the test ends.
func mount(t *testing.T, path string) {
	t.Helper()
	mountWith(t, path, "size=1m,mode=0755")
}

func mountWith(t *testing.T, path, options string) {
	t.Helper()
	check(t, os.MkdirAll(path, 0o755))
	if err := unix.Mount("tmpfs", path, "tmpfs", 0, options); err != nil {
		t.Skip("cannot mount a tmpfs:", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(path, 0); err != nil {
			t.Errorf("unmount: %v", err)
			unix.Unmount(path, unix.MNT_DETACH)
		}
	})
}

// fill writes until the disk is full.
func fill(t *testing.T, st storage.Staging) {
	t.Helper()
	block := bytes.Repeat([]byte("x"), 256<<10)
	for offset := int64(0); offset < 4<<20; offset += int64(len(block)) {
		n, err := st.WriteAt(block, offset)
		if err != nil {
			wantError(t, "WriteAt", err, storage.ErrNoSpace)
			return
		}
		if n != len(block) {
			t.Fatalf("WriteAt = %d, %v", n, err)
		}
	}
	t.Fatal("the disk does not fill up")
}

// putSmall stores a file for which Create does not ask whether there is room.
func putSmall(s *Store, target storage.Path) error {
	st, err := s.Create(target, storage.CreateOptions{Size: 5000})
	if err != nil {
		return err
	}
	if _, err := st.WriteAt(make([]byte, 5000), 0); err != nil {
		_ = st.Abort() // the first error is the one to tell
		return err
	}
	_, err = st.Commit(storage.Attributes{})
	return err
}

func TestFullDisk(t *testing.T) {
	for _, sub := range []string{"", "/mounted"} {
		dir := t.TempDir()
		mount(t, dir+sub)
		target := storage.Path(strings.TrimPrefix(sub+"/f", "/"))
		write(t, dir+"/"+string(target), "old")
		s := open(t, dir, Options{})
		_, err := s.Create(target, storage.CreateOptions{Size: 2 << 20})
		wantError(t, "Create of more than there is", err, storage.ErrNoSpace)

		st, err := s.Create(target, storage.CreateOptions{Size: -1})
		check(t, err)
		fill(t, st)
		_, err = s.Create(target, storage.CreateOptions{Size: 100 << 10})
		wantError(t, "Create on a full disk", err, storage.ErrNoSpace)
		wantError(t, "a small file on a full disk", putSmall(s, target), storage.ErrNoSpace)
		check(t, st.Abort())

		if got := storagetest.Get(t, s, target); got != "old" {
			t.Errorf("the file holds %q", got)
		}
		storagetest.Put(t, s, target, strings.Repeat("n", 700<<10))
		if left := reserved(t, dir+sub); sub != "" && len(left) > 0 {
			t.Errorf("left: %q", left)
		}
		check(t, s.Close())
		wantNoLitter(t, dir)
	}
}

// TestNoRoomForParents has a file system that takes fewer files and directories than
// are to be made: what was made on the way does not stay.
func TestNoRoomForParents(t *testing.T) {
	for inodes := 6; inodes < 10; inodes++ {
		dir := t.TempDir()
		mountWith(t, dir, fmt.Sprintf("nr_inodes=%d", inodes))
		write(t, dir+"/f", "")
		s := open(t, dir, Options{})
		err := s.Mkdir("p/q/r/s/t/u/v/w", 0, true)
		wantError(t, "Mkdir", err, storage.ErrNoSpace)
		err = s.Rename("f", "p/q/r/s/t/u/v/w/f", storage.RenameOptions{Parents: true})
		wantError(t, "Rename", err, storage.ErrNoSpace)
		st, err := s.Create("p/q/r/s/f", storage.CreateOptions{Parents: true})
		if err == nil {
			_, err = st.Commit(storage.Attributes{})
		}
		wantError(t, "Commit", err, storage.ErrNoSpace)
		if _, err := os.Lstat(dir + "/p"); err == nil {
			t.Errorf("%d inodes: directories stay of what failed", inodes)
		}
		check(t, s.Close())
	}
}

func TestMountBelowTheRoot(t *testing.T) {
	dir := t.TempDir()
	mount(t, dir+"/mounted")
	s := open(t, dir, Options{})
	st := storagetest.Stage(t, s, "mounted/a/f", "content", storage.CreateOptions{Parents: true})
	if found := reserved(t, dir+"/mounted"); len(found) != 1 {
		t.Errorf("staged in the mounted file system: %q", found)
	}
	if got := storagetest.Names(t, s, storage.Root, true); len(got) != 1 {
		t.Errorf("listed: %q", got)
	}
	info, err := st.Commit(storage.Attributes{Mode: 0o640})
	check(t, err)
	if now, err := s.Stat("mounted/a/f", true); err != nil || now != info || info.Mode != 0o640 {
		t.Errorf("Commit = %+v, Stat = %+v, %v", info, now, err)
	}
	only := storagetest.Stage(t, s, "mounted/a/f", "again", storage.CreateOptions{CreateOnly: false})
	check(t, only.Abort())
	exclusive := storagetest.Stage(t, s, "mounted/g", "new", storage.CreateOptions{CreateOnly: true})
	_, err = exclusive.Commit(storage.Attributes{})
	check(t, err)
	storagetest.Stage(t, s, "mounted/h", "half", storage.CreateOptions{})
	wantError(t, "Rename", s.Rename("mounted/g", "g", storage.RenameOptions{}), storage.ErrInvalid)
	if names, err := os.ReadDir(dir + "/" + stagingDirectory + "/" + s.instance.name); err != nil || len(names) != 1 {
		t.Errorf("records: %v, %v; want that of the one that is open", names, err)
	}
	check(t, s.Close())
	wantNoLitter(t, dir)
}

// TestStagingThatIsRemovedWithAMountBelowTheRoot loses the records of what is
// staged beside its target.
func TestStagingThatIsRemovedWithAMountBelowTheRoot(t *testing.T) {
	dir := t.TempDir()
	mount(t, dir+"/mounted")
	s := open(t, dir, Options{NoSync: true})
	early := storagetest.Stage(t, s, "mounted/early", "early", storage.CreateOptions{})
	check(t, os.RemoveAll(dir+"/"+stagingDirectory))
	storagetest.Put(t, s, "mounted/late", "late")
	for _, target := range []string{"/tmp", "missing", stagingDirectory, "mounted", "mounted/late"} {
		check(t, os.RemoveAll(dir+"/"+stagingDirectory))
		check(t, os.Symlink(target, dir+"/"+stagingDirectory))
		_, err := s.Create("mounted/f", storage.CreateOptions{})
		wantFault(t, "a link to "+target, err)
	}
	check(t, os.Remove(dir+"/"+stagingDirectory))
	_, err := early.Commit(storage.Attributes{}) // it is on the other file system, and was not lost
	check(t, err)
	if got := storagetest.Get(t, s, "mounted/early") + storagetest.Get(t, s, "mounted/late"); got != "earlylate" {
		t.Errorf("the files hold %q", got)
	}
	check(t, s.Close())
	wantNoLitter(t, dir)
}

func TestKilledWithAMountBelowTheRoot(t *testing.T) {
	dir := t.TempDir()
	mount(t, dir+"/mounted")
	write(t, dir+"/mounted/f", "old")
	kill := startChild(t, dir)
	if found := reserved(t, dir+"/mounted"); len(found) != 1 {
		t.Errorf("staged in the mounted file system: %q", found)
	}
	open(t, dir, Options{}).Close()
	if found := reserved(t, dir+"/mounted"); len(found) != 1 {
		t.Errorf("a second server left %q", found)
	}
	kill()
	s := open(t, dir, Options{})
	wantNoLitter(t, dir)
	if got := storagetest.Get(t, s, "mounted/f"); got != "old" {
		t.Errorf("the file holds %q", got)
	}
}

// TestStagingNamedThroughAMount has a link to a file that is staged beside its
// target.
func TestStagingNamedThroughAMount(t *testing.T) {
	dir := t.TempDir()
	mount(t, dir+"/mounted")
	s := open(t, dir, Options{})
	storagetest.Stage(t, s, "mounted/f", "half", storage.CreateOptions{})
	check(t, os.Symlink(reserved(t, dir+"/mounted")[0][1:], dir+"/mounted/link"))
	_, err := s.Open("mounted/link")
	wantError(t, "Open", err, fs.ErrPermission)
	_, err = s.Stat("mounted/link", true)
	wantError(t, "Stat", err, fs.ErrPermission)
}

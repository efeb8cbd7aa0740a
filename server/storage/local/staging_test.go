//go:build unix

package local

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"ftpd/server/storage"
	"ftpd/server/storage/storagetest"
)

const childVariable = "FTPD_LOCAL_TEST_CHILD"

// child stages half of two files, one of which is there already, says so and
// waits to be killed.
func child(dir string) {
	s, err := Open(dir, Options{})
	for _, path := range []storage.Path{"f", "d/new", "mounted/f"} {
		var st storage.Staging
		if _, missing := os.Lstat(dir + "/" + string(path.Dir())); missing != nil || err != nil {
			continue
		}
		if st, err = s.Create(path, storage.CreateOptions{}); err == nil {
			_, err = st.WriteAt([]byte("half of the ne"), 0)
		}
	}
	if _, missing := os.Lstat(dir + "/r"); missing == nil && err == nil {
		st, failed := s.Create("r/resumed", resumeOptions())
		if failed != nil {
			fmt.Println(failed)
			return
		}
		_, failed = st.WriteAt([]byte("aaaabbbb"), 0)
		err = errors.Join(err, failed, st.Mark(0, storage.Digest{1}), st.Mark(1, storage.Digest{2}))
	}
	fmt.Println("staged", err)
	_, _ = io.Copy(io.Discard, os.Stdin)
}

// startChild runs child on dir until kill is called.
func startChild(t *testing.T, dir string) (kill func()) {
	t.Helper()
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), childVariable+"="+dir)
	cmd.Stderr = os.Stderr
	out, err := cmd.StdoutPipe()
	check(t, err)
	_, err = cmd.StdinPipe() // stays open, so that the child waits
	check(t, err)
	check(t, cmd.Start())
	kill = sync.OnceFunc(func() {
		check(t, cmd.Process.Kill()) // SIGKILL
		_ = cmd.Wait()
	})
	t.Cleanup(kill)
	childLine(t, bufio.NewReader(out), "staged <nil>")
	return kill
}

func TestKilled(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/f", "old")
	check(t, os.Mkdir(dir+"/d", 0o755))
	kill := startChild(t, dir)

	// As long as the other server lives, its uploads are let alone.
	before := reserved(t, dir)
	if len(before) != 5 { // the directory, the instance, its lock and two files
		t.Errorf("the child staged %q", before)
	}
	s := open(t, dir, Options{})
	check(t, s.Close())
	if after := reserved(t, dir); len(after) != len(before) {
		t.Errorf("a second server left %q of %q", after, before)
	}

	kill()
	s = open(t, dir, Options{})
	wantNoLitter(t, dir)
	if got := storagetest.Get(t, s, "f"); got != "old" {
		t.Errorf("the file holds %q", got)
	}
	if _, err := s.Stat("d/new", false); err == nil {
		t.Error("there is a part of a new file")
	}
	storagetest.Put(t, s, "f", "new")
	check(t, s.Close())
	wantNoLitter(t, dir)
}

func TestTwoStoresOnOneRoot(t *testing.T) {
	dir := t.TempDir()
	first := open(t, dir, Options{NoSync: true})
	one := storagetest.Stage(t, first, "one", "first", storage.CreateOptions{})
	second := open(t, dir, Options{NoSync: true})
	two := storagetest.Stage(t, second, "two", "second", storage.CreateOptions{})
	check(t, open(t, dir, Options{}).Close())
	_, err := one.Commit(storage.Attributes{})
	check(t, err)
	check(t, first.Close())
	_, err = two.Commit(storage.Attributes{})
	check(t, err)
	if got := storagetest.Get(t, second, "one") + storagetest.Get(t, second, "two"); got != "firstsecond" {
		t.Errorf("the files hold %q", got)
	}
	check(t, second.Close())
	wantNoLitter(t, dir)
}

// TestLockIsPrivate though it was made with a mode that shows the umask.
func TestLockIsPrivate(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{NoSync: true})
	storagetest.Stage(t, s, "f", "", storage.CreateOptions{})
	locks, err := filepath.Glob(dir + "/" + stagingDirectory + "/*" + lockSuffix)
	if err != nil || len(locks) != 1 {
		t.Fatalf("locks: %q, %v", locks, err)
	}
	if info, err := os.Lstat(locks[0]); err != nil || info.Mode() != 0o600 {
		t.Errorf("%v, %v", info.Mode(), err)
	}
}

// TestStoresComeAndGo has stores on one root open, sweep, stage, commit and
// close at the same time: none loses a file or fails to make its directory.
func TestStoresComeAndGo(t *testing.T) {
	dir := t.TempDir()
	var wg sync.WaitGroup
	for i := range 8 {
		wg.Go(func() {
			for range 20 {
				s, err := Open(dir, Options{NoSync: true})
				if err != nil {
					t.Error(err)
					return
				}
				if err := putting(s, storage.Path(fmt.Sprint("f", i)), storage.CreateOptions{}); err != nil {
					t.Error(err)
				}
				if err := s.Close(); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	wantNoLitter(t, dir)
}

func TestSweepOfWhatItDoesNotKnow(t *testing.T) {
	dir := t.TempDir()
	staging := dir + "/" + stagingDirectory
	write(t, dir+"/keep", "mine")
	write(t, dir+"/sub/.ftpd-beside", "left beside a target")
	write(t, staging+"/nolock/0", "x")
	write(t, staging+"/unlocked.lock", "")
	write(t, staging+"/records.lock", "")
	check(t, os.MkdirAll(staging+"/records", 0o755))
	for name, target := range map[string]string{
		"beside-0": "sub/.ftpd-beside",
		"beside-1": "keep",
		"beside-2": "../" + filepath.Base(dir) + "/keep",
		"beside-3": stagingDirectory,
		"beside-4": "missing/.ftpd-gone",
	} {
		check(t, os.Symlink(target, staging+"/records/"+name))
	}
	open(t, dir, Options{})
	wantNoLitter(t, dir)
	if content, err := os.ReadFile(dir + "/keep"); string(content) != "mine" {
		t.Errorf("the file holds %q, %v", content, err)
	}
}

// TestSweepLeavesWhatItCannotRemove has something in an instance that no
// server puts there.
func TestSweepLeavesWhatItCannotRemove(t *testing.T) {
	dir := t.TempDir()
	write(t, dir+"/"+stagingDirectory+"/odd/directory/f", "x")
	s := open(t, dir, Options{NoSync: true})
	storagetest.Put(t, s, "f", "works")
	check(t, s.Close())
	if _, err := os.Lstat(dir + "/" + stagingDirectory + "/odd/directory/f"); err != nil {
		t.Error(err)
	}
}

func TestFailedCommitLeavesNothing(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{NoSync: true})
	write(t, dir+"/d/f", "old")
	for what, spoil := range map[string]func(){
		"a directory in its place": func() { check(t, os.Remove(dir+"/d/f")); check(t, os.MkdirAll(dir+"/d/f/x", 0o755)) },
		"its directory gone":       func() { check(t, os.RemoveAll(dir+"/d")) },
		"its directory a link out": func() { check(t, os.Symlink("/", dir+"/d")) },
	} {
		check(t, os.RemoveAll(dir+"/d"))
		write(t, dir+"/d/f", "old")
		st := storagetest.Stage(t, s, "d/f", "new", storage.CreateOptions{})
		if what == "its directory a link out" {
			check(t, os.RemoveAll(dir+"/d"))
		}
		spoil()
		if _, err := st.Commit(storage.Attributes{}); err == nil {
			t.Errorf("%s: the commit works", what)
		}
		for _, path := range reserved(t, dir) {
			if info, err := os.Lstat(dir + path); err == nil && info.Mode().IsRegular() && !strings.HasSuffix(path, lockSuffix) {
				t.Errorf("%s: left %s", what, path)
			}
		}
	}
}

func TestCommitOverSpecialFiles(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{NoSync: true})
	late := storagetest.Stage(t, s, "pipe", "x", storage.CreateOptions{})
	makePipe(t, dir+"/pipe")
	_, err := late.Commit(storage.Attributes{})
	wantError(t, "Commit", err, storage.ErrInvalid)
	_, err = s.Create("pipe", storage.CreateOptions{})
	wantError(t, "Create", err, storage.ErrInvalid)
	if info, err := os.Lstat(dir + "/pipe"); err != nil || info.Mode().Type() != fs.ModeNamedPipe {
		t.Errorf("the pipe: %v, %v", info, err)
	}
}

// TestCreateOnlyOverTwoStores has rivals that share no lock: only the file
// system can tell them apart.
func TestCreateOnlyOverTwoStores(t *testing.T) {
	dir := t.TempDir()
	stores := []*Store{open(t, dir, Options{NoSync: true}), open(t, dir, Options{NoSync: true})}
	for round := range 200 {
		path := storage.Path(fmt.Sprint("f", round))
		var won atomic.Int32
		var wg sync.WaitGroup
		start := make(chan struct{})
		for i := range 4 {
			st := storagetest.Stage(t, stores[i%2], path, "x", storage.CreateOptions{CreateOnly: true})
			wg.Go(func() {
				<-start
				_, err := st.Commit(storage.Attributes{})
				if err == nil {
					won.Add(1)
				} else {
					wantError(t, "Commit", err, fs.ErrExist)
				}
			})
		}
		close(start)
		wg.Wait()
		if won.Load() != 1 {
			t.Fatalf("%d commits won", won.Load())
		}
	}
}

// TestRenameByLink tests what Linux and macOS need on few file systems only,
// and the others always.
func TestRenameByLink(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{NoSync: true})
	write(t, dir+"/a/f", "f")
	write(t, dir+"/b/taken", "taken")
	check(t, os.Mkdir(dir+"/a/d", 0o755))
	from, err := s.openDirectory("a")
	check(t, err)
	defer from.close()
	to, err := s.openDirectory("b")
	check(t, err)
	defer to.close()
	for _, name := range []string{"f", "d"} {
		err := s.fail("b/taken", s.renameByLink(place{&from, name}, place{&to, "taken"}))
		wantError(t, name, err, fs.ErrExist)
		check(t, s.renameByLink(place{&from, name}, place{&to, name}))
		err = s.fail("a", s.renameByLink(place{&from, name}, place{&to, "x"}))
		wantError(t, name, err, fs.ErrNotExist)
	}
	if got := storagetest.Names(t, s, storage.Root, true); !slices.Equal(got, []string{"a", "b", "b/d", "b/f", "b/taken"}) {
		t.Errorf("the tree holds %q", got)
	}
}

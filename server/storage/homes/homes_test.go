//go:build unix

package homes

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"

	"ftpd/server/storage"
	"ftpd/server/storage/local"
	"ftpd/server/storage/storagetest"
)

// open opens the homes below a directory, which are closed with the test, if not before.
func open(t testing.TB, dir string, options Options) *Homes {
	t.Helper()
	options.NoSync = true
	h, err := Open(dir, options)
	check(t, err)
	t.Cleanup(func() { check(t, h.Close()) })
	return h
}

// acquire returns the storage of a home, made if it is missing.
func acquire(t testing.TB, h *Homes, home string, quota Quota) storage.Storage {
	t.Helper()
	h.options.Make = true
	s, release, err := h.Acquire(home, quota)
	check(t, err)
	t.Cleanup(release)
	return s
}

func check(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func wantError(t testing.TB, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v; want %v", what, err, want)
	}
}

// put stores a file in the way of large ones.
func put(s storage.Storage, path storage.Path, content string, o storage.CreateOptions) error {
	o.Size = int64(len(content))
	_, err := storage.Store(s, &storage.Whole{Path: path, Content: []byte(content), CreateOptions: o})
	return err
}

// homeOf returns the home that has a storage.
func homeOf(t testing.TB, h *Homes, s storage.Storage) *home {
	t.Helper()
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, home := range h.open {
		if home.store == s {
			return home
		}
	}
	t.Fatal("the home is not open")
	return nil
}

func accountOf(t testing.TB, h *Homes, s storage.Storage) *account {
	t.Helper()
	return homeOf(t, h, s).account
}

// wantBooks fails the test unless what is booked is what a count finds, and nothing is held.
func wantBooks(t testing.TB, s storage.Storage, a *account) {
	t.Helper()
	used, skipped, err := s.(*local.Store).Usage(context.Background())
	check(t, err)
	a.mu.Lock()
	defer a.mu.Unlock()
	if a.stored != used || skipped > 0 {
		t.Errorf("%+v is booked as stored, and %+v is there; %d directories were skipped", a.stored, used, skipped)
	}
	if a.held != (local.Amount{}) || a.lent != (local.Amount{}) || a.underWay != 0 {
		t.Errorf("%+v is held and %+v lent, with %d changes under way; nothing is in the making", a.held, a.lent, a.underWay)
	}
	if a.doubted {
		t.Error("the books are doubted")
	}
}

func TestConformance(t *testing.T) {
	storagetest.Run(t, func(t *testing.T) storage.Storage {
		h := open(t, t.TempDir(), Options{})
		return &inHome{acquire(t, h, "users/ann", Quota{}), t, h, nil}
	})
}

// A storage with a quota that is not used up is like any other, and its books are right
// after whatever was done.
func TestConformanceWithQuota(t *testing.T) {
	storagetest.Run(t, func(t *testing.T) storage.Storage {
		h := open(t, t.TempDir(), Options{})
		s := acquire(t, h, "users/ann", Quota{Bytes: 1 << 30, Files: 1 << 20})
		return &inHome{s, t, h, accountOf(t, h, s)}
	})
}

// inHome is the storage of a home that closes all, and looks at the books before.
type inHome struct {
	storage.Storage
	t       *testing.T
	homes   *Homes
	account *account
}

func (s *inHome) Close() error {
	if s.account == nil {
		return s.homes.Close()
	}
	used, _, err := s.Storage.(*local.Store).Usage(context.Background())
	check(s.t, err)
	s.account.mu.Lock()
	// That test makes entries with names of the server's own, which no client can.
	own := strings.HasSuffix(s.t.Name(), "/remove_the_rest")
	if (s.account.stored != used || s.account.doubted) && !own {
		s.t.Errorf("%+v is booked as stored, and %+v is there", s.account.stored, used)
	}
	s.account.mu.Unlock()
	err = s.homes.Close()
	s.account.mu.Lock()
	defer s.account.mu.Unlock()
	if s.account.held != (local.Amount{}) || s.account.lent != (local.Amount{}) {
		s.t.Errorf("%+v is held and %+v lent after all", s.account.held, s.account.lent)
	}
	return err
}

func TestHomesApart(t *testing.T) {
	root := t.TempDir()
	h := open(t, root, Options{})
	ann, bob := acquire(t, h, "ann", Quota{}), acquire(t, h, "/bob", Quota{})
	storagetest.Put(t, ann, "f", "ann's")
	storagetest.Put(t, bob, "f", "bob's")
	check(t, os.Symlink("../bob", filepath.Join(root, "ann/up")))
	check(t, os.Symlink(filepath.Join(root, "bob"), filepath.Join(root, "ann/absolute")))
	for _, path := range []storage.Path{"up/f", "absolute/f"} {
		_, err := ann.Open(path)
		wantError(t, string(path), err, fs.ErrPermission)
		wantError(t, "put "+string(path), put(ann, path, "ann's", storage.CreateOptions{}), fs.ErrPermission)
	}
	if got := storagetest.Get(t, bob, "f"); got != "bob's" {
		t.Errorf("bob's file holds %q", got)
	}
	info, err := os.Stat(filepath.Join(root, "bob"))
	check(t, err)
	if mode := info.Mode().Perm(); mode&^0o750 != 0 {
		t.Errorf("the home was made with mode %o", mode)
	}
}

func TestHomesThatAreNone(t *testing.T) {
	root, outside := t.TempDir(), t.TempDir()
	check(t, os.Symlink(outside, filepath.Join(root, "link")))
	check(t, os.WriteFile(filepath.Join(root, "file"), nil, 0o600))
	h := open(t, root, Options{})
	for _, home := range []string{"missing", "link", "file", "../x", "a/../..", ".ftpd-staging"} {
		for _, h.options.Make = range []bool{false, true} {
			if home == "missing" && h.options.Make {
				continue
			}
			_, _, err := h.Acquire(home, Quota{})
			if err == nil || !strings.Contains(err.Error(), home) {
				t.Errorf("the home %q: %v", home, err)
			}
		}
	}
	if entries, err := os.ReadDir(outside); err != nil || len(entries) > 0 {
		t.Errorf("outside of the root there is %v, %v", entries, err)
	}
}

// Who has the same directory has the same store, by whatever name, and it is closed when
// nobody has it.
func TestHomesAreShared(t *testing.T) {
	root := t.TempDir()
	check(t, os.Mkdir(filepath.Join(root, "ann"), 0o755))
	check(t, os.Symlink("ann", filepath.Join(root, "alias")))
	h := open(t, root, Options{Idle: -1})
	first, release, err := h.Acquire("ann", Quota{})
	check(t, err)
	second, releaseSecond, err := h.Acquire("/alias", Quota{})
	check(t, err)
	if first != second {
		t.Error("one directory has two stores")
	}
	release()
	release() // counts once
	storagetest.Put(t, second, "f", "x")
	releaseSecond()
	third, release, err := h.Acquire("ann", Quota{})
	check(t, err)
	defer release()
	if third == second {
		t.Error("a home that nobody had was not closed")
	}
	storagetest.Get(t, third, "f")
}

// A home that is not used is closed after a while, but not while something is left of an
// upload, which is to be swept.
func TestHomesExpire(t *testing.T) {
	h := open(t, t.TempDir(), Options{Idle: -1, Make: true})
	s, release, err := h.Acquire("ann", Quota{})
	check(t, err)
	h.options.Idle = 1 << 62 // from now on by hand
	o := storage.CreateOptions{Size: 9, Resume: storage.Resume{Source: 1, Version: 1, Block: 4}}
	st, err := s.Create("f", o)
	check(t, err)
	_, err = st.WriteAt([]byte("four"), 0)
	check(t, err)
	check(t, st.Mark(0, storage.Digest{1}))
	check(t, st.Leave())
	release()
	home := homeOf(t, h, s)
	h.expire(home)
	if home.closing {
		t.Error("it was closed with what is left of an upload")
	}
	st, err = s.Create("f", o)
	check(t, err)
	check(t, st.Abort())
	h.expire(home)
	<-home.over
	if len(h.open) > 0 {
		t.Error("it stays open")
	}
}

func TestHomesClosed(t *testing.T) {
	h := open(t, t.TempDir(), Options{})
	acquire(t, h, "ann", Quota{})
	check(t, h.Close())
	_, _, err := h.Acquire("ann", Quota{})
	if err == nil {
		t.Error("a home of what is closed was opened")
	}
}

// TestHomeThatIsBeingCounted: a few wait for it, more hear that they are to come again, and
// other homes open meanwhile.
func TestHomeThatIsBeingCounted(t *testing.T) {
	h := open(t, t.TempDir(), Options{Make: true})
	root, key, err := h.enter("large")
	check(t, err)
	key.limited = true
	quota := Quota{Bytes: 100}
	h.mu.Lock()
	large := h.add(key, quota)
	h.mu.Unlock()
	var waiting sync.WaitGroup
	for range maxWaiting - 1 {
		waiting.Go(func() {
			_, release, err := h.Acquire("large", quota)
			if err != nil {
				t.Error(err)
				return
			}
			release()
		})
	}
	for {
		h.mu.Lock()
		users := large.users
		h.mu.Unlock()
		if users == maxWaiting {
			break
		}
		runtime.Gosched()
	}
	_, _, err = h.Acquire("large", quota)
	wantError(t, "one more", err, storage.ErrBusy)
	acquire(t, h, "small", quota)
	large.start(root, h.options.Options)
	waiting.Wait()
	acquire(t, h, "large", quota)
	h.release(large)
}

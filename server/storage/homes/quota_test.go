//go:build unix

package homes

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ftpd/server/storage"
	"ftpd/server/storage/faulty"
	"ftpd/server/storage/local"
	"ftpd/server/storage/storagetest"
)

// content is that of a file of so many bytes.
func content(n int) string { return strings.Repeat("x", n) }

// quotaTest is a home with a quota.
type quotaTest struct {
	*testing.T
	storage.Storage
	books *account
	dir   string
}

func withQuota(t *testing.T, quota Quota) quotaTest {
	t.Helper()
	root := t.TempDir()
	h := open(t, root, Options{})
	s := acquire(t, h, "ann", quota)
	return quotaTest{t, s, accountOf(t, h, s), filepath.Join(root, "ann")}
}

// ways to store a file.
var ways = map[string]func(s storage.Storage, path storage.Path, size int) error{
	"at once": func(s storage.Storage, path storage.Path, size int) error {
		o := storage.CreateOptions{Size: int64(size), Parents: true}
		return s.StoreEach([]storage.Whole{{Path: path, Content: []byte(content(size)), CreateOptions: o}})[0].Err
	},
	"staged": func(s storage.Storage, path storage.Path, size int) error {
		return put(s, path, content(size), storage.CreateOptions{Parents: true})
	},
	"size unknown": func(s storage.Storage, path storage.Path, size int) error {
		o := storage.CreateOptions{Size: -1, Parents: true}
		_, err := storage.Store(s, &storage.Whole{Path: path, Content: []byte(content(size)), CreateOptions: o})
		return err
	},
	"resumable": func(s storage.Storage, path storage.Path, size int) error {
		return put(s, path, content(size), storage.CreateOptions{Parents: true, Resume: storage.Resume{Source: 1, Version: 1, Block: 1}})
	},
}

// remove removes a tree.
func (q quotaTest) remove(path storage.Path) {
	q.Helper()
	_, err := q.Remove(q.Context(), path, true)
	check(q, err)
}

// want fails the test unless so much is stored.
func (q quotaTest) want(bytes, files int64) {
	q.Helper()
	wantBooks(q, q.Storage, q.books)
	if want := (local.Amount{Bytes: bytes, Files: files}); q.books.stored != want {
		q.Errorf("%+v is stored, want %+v", q.books.stored, want)
	}
}

func TestQuota(t *testing.T) {
	for name, store := range ways {
		t.Run(name, func(t *testing.T) {
			q := withQuota(t, Quota{Bytes: 100, Files: 4})
			check(t, store(q, "d/f", 60))
			q.want(60, 2)
			wantError(t, "41 more", store(q, "g", 41), storage.ErrQuota)
			q.want(60, 2)
			check(t, store(q, "g", 40))
			q.want(100, 3)
			wantError(t, "one more", store(q, "h", 1), storage.ErrQuota)
			check(t, store(q, "h", 0))
			q.want(100, 4)
			wantError(t, "a file more", store(q, "i", 0), storage.ErrQuota)
			wantError(t, "a directory more", q.Mkdir("e", 0, false), storage.ErrQuota)
			wantError(t, "a directory there is", q.Mkdir("d", 0, false), os.ErrExist)
			check(t, q.Mkdir("d", 0, true))
			// What takes no more than there was.
			check(t, store(q, "g", 40))
			check(t, store(q, "g", 10))
			check(t, store(q, "g", 40))
			wantError(t, "grow", store(q, "g", 41), storage.ErrQuota)
			check(t, q.Rename("g", "d/g", storage.RenameOptions{}))
			q.want(100, 4)
			check(t, q.Rename("d/g", "d/f", storage.RenameOptions{}))
			q.want(40, 3)
			q.remove("d")
			q.want(0, 1)
			q.remove("h")
			q.want(0, 0)
			check(t, store(q, "big", 100))
			if names := storagetest.Names(t, q, storage.Root, true); len(names) != 1 {
				t.Errorf("there is %q", names)
			}
		})
	}
}

// The sentence has figures.
func TestQuotaSays(t *testing.T) {
	q := withQuota(t, Quota{Bytes: 2048, Files: 2})
	check(t, ways["staged"](q, "f", 2000))
	for _, c := range []struct {
		size int64
		want string
	}{
		{100, `"g": quota exceeded: 1.95 KiB of 2 KiB are stored, and this takes 100 bytes more`},
		{49, `"g": quota exceeded: 1.95 KiB of 2 KiB are stored, and this takes 49 bytes more`},
	} {
		if _, err := q.Create("g", storage.CreateOptions{Size: c.size}); err == nil || err.Error() != c.want {
			t.Errorf("%v; want %s", err, c.want)
		}
	}
	st, err := q.Create("g", storage.CreateOptions{Size: 40})
	check(t, err)
	_, err = q.Create("h", storage.CreateOptions{Size: 0})
	if want := `"h": quota exceeded: 1 of 2 files and directories are stored, 1 more are on their way`; fmt.Sprint(err) != want {
		t.Errorf("%v; want %s", err, want)
	}
	check(t, st.Abort())
	q.want(2000, 1)
}

func TestSize(t *testing.T) {
	for _, c := range []struct {
		quota, n int64
		want     string
	}{
		{1 << 40, 0, "0 bytes"}, {1 << 40, 1023, "1023 bytes"}, {1 << 40, 1024, "1 KiB"}, {1 << 40, 1535, "1.49 KiB"},
		{1 << 40, 10<<30 - 1, "9.99 GiB"}, {1 << 40, 10 << 30, "10 GiB"}, {1 << 40, 1<<63 - 1, "7.99 EiB"},
		{10e9, 999, "999 bytes"}, {10e9, 1000, "1 KB"}, {10e9, 10e9, "10 GB"}, {10e9, 10e9 - 1, "9.99 GB"}, {1e12, 1<<63 - 1, "9.22 EB"},
		{1_024_000, 1_024_000, "1.02 MB"}, {12345, 12345, "12.34 KB"},
	} {
		if got := unitsOf(c.quota).size(c.n); got != c.want {
			t.Errorf("%d bytes of %d are %q, want %q", c.n, c.quota, got, c.want)
		}
	}
}

// A file of which nobody told the size is stopped in mid-stream, and nothing of it stays.
func TestQuotaInMidStream(t *testing.T) {
	q := withQuota(t, Quota{Bytes: 100})
	check(t, ways["staged"](q, "old", 50))
	st, err := q.Create("f", storage.CreateOptions{Size: -1})
	check(t, err)
	for at := range int64(5) {
		_, err = st.WriteAt([]byte(content(10)), at*10)
		check(t, err)
	}
	_, err = st.WriteAt([]byte("x"), 50)
	wantError(t, "one more", err, storage.ErrQuota)
	wantError(t, "another", ways["staged"](q, "g", 1), storage.ErrQuota)
	check(t, st.Abort())
	q.want(50, 1)
	if entries, err := os.ReadDir(filepath.Join(q.dir, "resume")); err == nil && len(entries) > 0 {
		t.Errorf("left: %v", entries)
	}
}

// A file that is to replace another is given that one's room. Where that has gone to somebody
// else by the time of the commit, it is refused.
func TestQuotaOfWhatIsReplaced(t *testing.T) {
	q := withQuota(t, Quota{Bytes: 100})
	check(t, ways["staged"](q, "f", 100))
	st, err := q.Create("f", storage.CreateOptions{Size: 100})
	check(t, err)
	_, err = st.WriteAt([]byte(content(100)), 0)
	check(t, err)
	// The disk holds as much again, and no more than that.
	_, err = q.Create("f", storage.CreateOptions{Size: 100})
	wantError(t, "a second one", err, storage.ErrQuota)
	check(t, q.Rename("f", "moved", storage.RenameOptions{}))
	_, err = st.Commit(storage.Attributes{})
	wantError(t, "what it was to replace has moved", err, storage.ErrQuota)
	q.want(100, 1)
	if names := storagetest.Names(t, q, storage.Root, true); len(names) != 1 || names[0] != "moved" {
		t.Errorf("there is %q", names)
	}

	st, err = q.Create("moved", storage.CreateOptions{Size: 100})
	check(t, err)
	q.remove("moved")
	_, err = st.Commit(storage.Attributes{}) // of a file that has nothing in it yet
	check(t, err)
	q.want(0, 1)
}

// What is left of an upload counts until it is gone on with, or swept.
func TestQuotaOfWhatIsLeft(t *testing.T) {
	q := withQuota(t, Quota{Bytes: 100})
	o := storage.CreateOptions{Size: 90, Resume: storage.Resume{Source: 1, Version: 1, Block: 30}}
	leave := func(path storage.Path) {
		t.Helper()
		st, err := q.Create(path, o)
		check(t, err)
		for block := range int64(2) {
			_, err = st.WriteAt([]byte(content(30)), 30*block)
			check(t, err)
			check(t, st.Mark(block, storage.Digest{1}))
		}
		check(t, st.Leave())
	}
	leave("f")
	q.want(60, 1)
	wantError(t, "41 more", ways["staged"](q, "g", 41), storage.ErrQuota)
	check(t, ways["staged"](q, "g", 40))
	_, err := q.Create("f", o)
	wantError(t, "go on without room", err, storage.ErrQuota)
	q.want(100, 2)
	q.remove("g")
	leave("f")
	q.want(60, 1)
	st, err := q.Create("f", o)
	check(t, err)
	if digests, _ := st.Marked(); len(digests) != 2 {
		t.Errorf("%d blocks are there", len(digests))
	}
	check(t, st.Abort())
	q.want(0, 0)

	// There is no room for a part beside the file that it is to replace.
	check(t, ways["staged"](q, "f", 90))
	leave("f")
	q.want(90, 1)
}

// Of two names of one file each counts.
func TestQuotaOfLinks(t *testing.T) {
	root := t.TempDir()
	check(t, os.Mkdir(filepath.Join(root, "ann"), 0o755))
	check(t, os.WriteFile(filepath.Join(root, "ann/f"), []byte(content(30)), 0o644))
	check(t, os.Link(filepath.Join(root, "ann/f"), filepath.Join(root, "ann/g")))
	check(t, os.Symlink("f", filepath.Join(root, "ann/s")))
	h := open(t, root, Options{})
	s := acquire(t, h, "ann", Quota{Bytes: 100})
	q := quotaTest{t, s, accountOf(t, h, s), ""}
	q.want(60, 3)
	check(t, q.Rename("f", "g", storage.RenameOptions{})) // does nothing: rename(2)
	q.want(60, 3)
	q.remove("s")
	q.remove("f")
	q.want(30, 1)
}

// Other programs are found out before somebody is refused, but not each time.
func TestQuotaCountsAnew(t *testing.T) {
	q := withQuota(t, Quota{Bytes: 100})
	now := time.Now()
	q.books.now = func() time.Time { return now }
	check(t, ways["staged"](q, "f", 100))
	check(t, os.Remove(filepath.Join(q.dir, "f")))
	now = now.Add(recountAfter)
	check(t, ways["staged"](q, "g", 100))
	q.want(100, 1)
	check(t, os.Remove(filepath.Join(q.dir, "g")))
	wantError(t, "too soon", ways["staged"](q, "h", 100), storage.ErrQuota)
	now = now.Add(recountAfter)
	check(t, ways["at once"](q, "h", 100))
	q.want(100, 1)

	// One that has grown is found out when it goes.
	check(t, os.WriteFile(filepath.Join(q.dir, "h"), []byte(content(200)), 0o644))
	q.remove("h")
	if !q.books.doubted {
		t.Error("less than nothing is stored, and the books are not doubted")
	}
	now = now.Add(recountAfter)
	check(t, ways["staged"](q, "i", 10))
	q.books.background.Wait()
	q.want(10, 1)
}

// A quota that is changed counts at once, and one that is given counts for who comes then.
func TestQuotaChanges(t *testing.T) {
	h := open(t, t.TempDir(), Options{Idle: -1, Make: true})
	free, release, err := h.Acquire("ann", Quota{})
	check(t, err)
	check(t, put(free, "f", content(60), storage.CreateOptions{}))
	s := acquire(t, h, "ann", Quota{Bytes: 100})
	books := accountOf(t, h, s)
	wantError(t, "41 more", put(s, "g", content(41), storage.CreateOptions{}), storage.ErrQuota)
	// Who had no quota is not counted, until he is gone.
	check(t, put(free, "g", content(60), storage.CreateOptions{}))
	now := time.Now().Add(time.Hour)
	books.mu.Lock()
	books.now = func() time.Time { return now }
	books.mu.Unlock()
	was := homeOf(t, h, free)
	release()
	<-was.over
	books.background.Wait()
	wantBooks(t, s, books)
	if books.stored.Bytes != 120 {
		t.Errorf("%+v is stored", books.stored)
	}
	check(t, put(s, "g", content(60), storage.CreateOptions{})) // it takes no more than it did
	wantError(t, "over the quota", put(s, "h", content(1), storage.CreateOptions{}), storage.ErrQuota)
	acquire(t, h, "ann", Quota{Bytes: 200})
	check(t, put(s, "h", content(80), storage.CreateOptions{}))
}

// Whatever a storage fails with, or is told to fail with, nothing stays held.
func TestQuotaAfterFaults(t *testing.T) {
	broken := fmt.Errorf("broken")
	for _, op := range []faulty.Op{faulty.Create, faulty.StagingWriteAt, faulty.StagingMark, faulty.StagingCommit, faulty.Mkdir, faulty.Remove, faulty.Rename} {
		for when, hooks := range map[string]faulty.Hooks{
			"before": {Before: faulty.Fail(broken, op)}, "after": {After: faulty.Fail(broken, op)},
		} {
			for name, store := range ways {
				t.Run(fmt.Sprint(op, " ", when, " ", name), func(t *testing.T) {
					q := withQuota(t, Quota{Bytes: 100, Files: 100})
					s := faulty.New(q.Storage, hooks)
					_ = store(s, "d/f", 50)
					_ = s.Rename("d/f", "g", storage.RenameOptions{})
					_ = store(s, "d/f", 50)
					_ = s.Mkdir("e/f", 0, true)
					_, _ = s.Remove(t.Context(), "d", true)
					wantBooks(t, q.Storage, q.books)
				})
			}
		}
	}
}

// A directory that is removed before the call that made it has booked it leaves the books right.
func TestBooksOutOfOrder(t *testing.T) {
	a := newAccount(Quota{Bytes: 1000, Files: 10}, make(chan struct{}, atOnce))
	a.next = time.Now().Add(time.Hour) // nobody counts
	one := local.Amount{Files: 1}
	check(t, a.Reserve(one, local.Amount{}, false))
	a.Begin()                                                        // it is made,
	a.Begin()                                                        // and removed;
	a.End(local.Amount{}.Minus(one), local.Amount{}, local.Amount{}) // this is booked first
	a.End(one, one, local.Amount{})
	if a.stored != (local.Amount{}) || a.held != (local.Amount{}) || a.doubted {
		t.Errorf("%+v is booked as stored, %+v is held, and it is doubted: %v", a.stored, a.held, a.doubted)
	}
	a.Begin() // of what another program has put there
	a.End(local.Amount{Bytes: -5, Files: -1}, local.Amount{}, local.Amount{})
	if a.stored != (local.Amount{}) || !a.doubted {
		t.Errorf("%+v is booked as stored; doubted: %v", a.stored, a.doubted)
	}
}

// However many are to replace the same file, which is gone meanwhile, what is stored and held is
// no more than twice the quota.
func TestRoomOfWhatIsLent(t *testing.T) {
	a := newAccount(Quota{Bytes: 1000}, make(chan struct{}, atOnce))
	a.next = time.Now().Add(time.Hour) // nobody counts
	a.stored = local.Amount{Bytes: 900, Files: 1}
	file := local.Amount{Bytes: 900, Files: 1}
	check(t, a.Reserve(file, file, false))
	a.Begin()
	a.End(local.Amount{Bytes: -800}, local.Amount{}, local.Amount{}) // another has replaced it by a small one
	check(t, a.Reserve(file, file, false))                           // and another of that size, by one who saw it before
	if err := a.Reserve(local.Amount{Bytes: 500, Files: 1}, local.Amount{}, false); err == nil {
		t.Errorf("%+v is stored and %+v held, of %+v", a.stored, a.held, a.quota)
	}
}

//go:build unix

package local

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"ftpd/server/storage"
	"ftpd/server/storage/storagetest"
)

var (
	long  = time.Now().Add(-time.Hour)
	first = storage.Digest{1}
)

// settledStore returns a store to which every file is old.
func settledStore(t *testing.T, options Options) (dir string, s *Store) {
	t.Helper()
	dir = t.TempDir()
	options.NoSync = true
	s = open(t, dir, options)
	s.now = func() time.Time { return time.Now().Add(time.Minute) }
	return dir, s
}

// recalled opens a file and returns what is known of a block.
func recalled(t *testing.T, s *Store, path storage.Path, block int64) storage.Digest {
	t.Helper()
	f, err := s.Open(path)
	check(t, err)
	defer f.Close()
	digest, ok := f.Recall(block)
	if ok != (digest != storage.Digest{}) {
		t.Errorf("%x, %t", digest, ok)
	}
	return digest
}

// remember opens a file and has a digest of its first block remembered.
func remember(t *testing.T, s *Store, path storage.Path) {
	t.Helper()
	f, err := s.Open(path)
	check(t, err)
	f.Remember(0, first)
	check(t, f.Close())
}

// TestKnownWhileUnchanged has each way in which a file becomes another version, by
// programs that put its mtime back.
func TestKnownWhileUnchanged(t *testing.T) {
	for name, change := range map[string]func(path string) error{
		"nothing": nil,
		"written": func(path string) error { return os.WriteFile(path, []byte("other!!"), 0o600) },
		"longer":  func(path string) error { return os.WriteFile(path, []byte("content, and more"), 0o600) },
		"mode":    func(path string) error { return os.Chmod(path, 0o640) },
		"replaced": func(path string) error {
			if err := os.WriteFile(path+"2", []byte("content"), 0o600); err != nil {
				return err
			}
			return os.Rename(path+"2", path)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir, s := settledStore(t, Options{})
			path := filepath.Join(dir, "f")
			write(t, path, "content")
			check(t, os.Chtimes(path, long, long))
			remember(t, s, "f")
			held, err := s.Open("f")
			check(t, err)
			defer held.Close()
			want := first
			if change != nil {
				want = storage.Digest{}
				waitForTick(t, path)
				check(t, change(path))
				check(t, os.Chtimes(path, long, long))
			}
			if got := recalled(t, s, "f", 0); got != want {
				t.Errorf("known is %x, want %x", got, want)
			}
			if _, ok := held.Recall(0); ok != (change == nil) {
				t.Errorf("of the file that was open something is known: %t", ok)
			}
			if got := recalled(t, s, "f", 1); got != (storage.Digest{}) {
				t.Errorf("%x is known of a block that nobody told of", got)
			}
		})
	}
}

// TestFreshIsNotRemembered reads a file within the tick in which it was written, or
// nearly so: another write may leave its times as they are.
func TestFreshIsNotRemembered(t *testing.T) {
	for _, c := range []struct {
		name string
		old  bool // its mtime was set back, which its ctime tells
		age  time.Duration
		want storage.Digest
	}{
		{"now", false, 0, storage.Digest{}},
		{"now, with an old mtime", true, 0, storage.Digest{}},
		{"almost settled", false, settling - time.Second, storage.Digest{}},
		{"settled", false, settling + time.Second, first},
		{"settled, with an old mtime", true, settling + time.Second, first},
		{"in the future", false, -time.Hour, storage.Digest{}},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir, s := settledStore(t, Options{})
			path := filepath.Join(dir, "f")
			write(t, path, "content")
			if c.old {
				check(t, os.Chtimes(path, long, long))
			}
			info, err := os.Stat(path)
			check(t, err)
			written := info.ModTime()
			if c.old {
				written = time.Now()
			}
			s.now = func() time.Time { return written.Add(c.age) }
			remember(t, s, "f")
			if got := recalled(t, s, "f", 0); got != c.want {
				t.Errorf("known is %x, want %x", got, c.want)
			}
		})
	}
}

// TestStoredIsKnown has what was verified on its way in known to the first reader.
func TestStoredIsKnown(t *testing.T) {
	for _, c := range []struct {
		name       string
		attributes storage.Attributes
		options    Options
		known      bool
	}{
		{"with its mtime", storage.Attributes{Mtime: long}, Options{}, true},
		{"of now", storage.Attributes{}, Options{}, false}, // a write within the tick would not show
		{"with a fresh mtime", storage.Attributes{Mtime: time.Now()}, Options{}, false},
		{"without memory", storage.Attributes{Mtime: long}, Options{DigestCache: -1}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.options.NoSync = true
			s := open(t, t.TempDir(), c.options)
			st := storagetest.Stage(t, s, "f", "aaaabb", storage.CreateOptions{})
			check(t, st.Mark(1, storage.Digest{2}))
			check(t, st.Mark(0, first))
			_, err := st.Commit(c.attributes)
			check(t, err)
			for block, want := range []storage.Digest{first, {2}, {}} {
				if !c.known {
					want = storage.Digest{}
				}
				if got := recalled(t, s, "f", int64(block)); got != want {
					t.Errorf("block %d: known is %x, want %x", block, got, want)
				}
			}
		})
	}
}

// TestResumedIsKnown has the blocks of an upload known that came before it was gone on
// with, and a last one that is short not taken for a block to go on behind.
func TestResumedIsKnown(t *testing.T) {
	s := open(t, t.TempDir(), Options{NoSync: true})
	st := stageBlocks(t, s, "f", 3)
	if _, err := st.WriteAt([]byte("d"), 12); err != nil {
		t.Fatal(err)
	}
	check(t, st.Mark(3, storage.Digest{9}))
	check(t, st.Leave())
	st, err := s.Create("f", resumeOptions())
	check(t, err)
	if digests, _ := st.Marked(); len(digests) != 3 {
		t.Fatalf("%d blocks were marked", len(digests))
	}
	if _, err := st.WriteAt([]byte("d"), 12); err != nil {
		t.Fatal(err)
	}
	check(t, st.Mark(3, storage.Digest{4}))
	_, err = st.Commit(storage.Attributes{Mtime: long})
	check(t, err)
	for block := range 4 {
		if got := recalled(t, s, "f", int64(block)); got != (storage.Digest{byte(block + 1)}) {
			t.Errorf("block %d: known is %x", block, got)
		}
	}
}

// TestDamageForgetsAll is a block whose digest is another one, though the file's times
// are the same; also right after it was stored.
func TestDamageForgetsAll(t *testing.T) {
	for name, now := range map[string]func() time.Time{"old": nil, "fresh": time.Now} {
		t.Run(name, func(t *testing.T) {
			_, s := settledStore(t, Options{})
			if now != nil {
				s.now = now
			}
			st := storagetest.Stage(t, s, "f", "aabb", storage.CreateOptions{})
			check(t, st.Mark(0, first))
			check(t, st.Mark(1, storage.Digest{2}))
			_, err := st.Commit(storage.Attributes{Mtime: long})
			check(t, err)
			f, err := s.Open("f")
			check(t, err)
			defer f.Close()
			f.Remember(1, storage.Digest{3})
			for block := range int64(2) {
				if digest, ok := f.Recall(block); ok {
					t.Errorf("%x is still known of block %d", digest, block)
				}
			}
		})
	}
}

// TestStoredTogetherIsKnown has small files that were stored and are opened together.
func TestStoredTogetherIsKnown(t *testing.T) {
	s := open(t, t.TempDir(), Options{NoSync: true})
	attributes := storage.Attributes{Mtime: long}
	s.StoreEach([]storage.Whole{
		{Path: "a", Content: []byte("a"), Digest: storage.Digest{1}, Attributes: attributes},
		{Path: "b", Content: []byte("b"), Digest: storage.Digest{2}, Attributes: attributes},
		{Path: "empty", Attributes: attributes},
		{Path: "fresh", Content: []byte("c"), Digest: storage.Digest{3}},
	})
	want := []storage.Digest{{1}, {2}, {}, {}}
	visited := 0
	s.OpenEach([]storage.Path{"a", "b", "empty", "fresh"}, func(i int, f storage.File, err error) bool {
		check(t, err)
		visited++
		if got, _ := f.Recall(0); got != want[i] {
			t.Errorf("of file %d is known %x, want %x", i, got, want[i])
		}
		f.Remember(0, storage.Digest{9}) // all are too fresh for what is read, and so it only denies
		if got, ok := f.Recall(0); ok {
			t.Errorf("of file %d is still known %x", i, got)
		}
		check(t, f.Close())
		return true
	})
	if visited == 0 {
		t.Error("no file was opened")
	}
	if info, err := storage.Store(s, &storage.Whole{Path: "alone", Content: []byte("d"), Digest: storage.Digest{4}, Attributes: attributes}); err != nil || info.Size != 1 {
		t.Fatal(info, err)
	}
	if got := recalled(t, s, "alone", 0); got != (storage.Digest{4}) {
		t.Errorf("of what was stored alone is known %x", got)
	}
}

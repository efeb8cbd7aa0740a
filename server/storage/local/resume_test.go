//go:build unix

package local

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"ftpd/server/storage"
	"ftpd/server/storage/storagetest"
)

// resumeOptions are those of a file of three blocks and a byte.
func resumeOptions() storage.CreateOptions {
	return storage.CreateOptions{Size: 13, Resume: storage.Resume{Source: 5, Version: 6, Block: 4}}
}

// stageBlocks begins a file and writes and marks its first blocks.
func stageBlocks(t *testing.T, s *Store, path storage.Path, blocks int) storage.Staging {
	t.Helper()
	st := storagetest.Stage(t, s, path, "aaaabbbbcccc"[:4*blocks], resumeOptions())
	for n := range blocks {
		check(t, st.Mark(int64(n), storage.Digest{byte(n + 1)}))
	}
	return st
}

// marked returns how many blocks of a file can be gone on with, and leaves it.
func marked(t *testing.T, s *Store, path storage.Path) int {
	t.Helper()
	st, err := s.Create(path, resumeOptions())
	check(t, err)
	digests, _ := st.Marked()
	check(t, st.Leave())
	return len(digests)
}

// left returns the staging file and the journal that were left.
func left(t *testing.T, dir string) (file, journal string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, stagingDirectory, resumeDirectory, "*"))
	if err != nil || len(files) != 2 || files[1] != files[0]+lockSuffix {
		t.Fatalf("left are %q, %v", files, err)
	}
	return files[0], files[1]
}

// What is left outlives its store, and the directory it is in the next one too;
// in the end nothing is left.
func TestLeftOutlivesStores(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{NoSync: true})
	check(t, stageBlocks(t, s, "f", 2).Leave())
	storagetest.Put(t, s, "g", "another")
	stageBlocks(t, s, "h", 1) // Close leaves it
	check(t, s.Close())
	check(t, open(t, dir, Options{NoSync: true}).Close())
	s = open(t, dir, Options{NoSync: true})
	for path, want := range map[storage.Path]int{"f": 2, "h": 1, "g": 0} {
		if got := marked(t, s, path); got != want {
			t.Errorf("%s: %d blocks", path, got)
		}
	}
	st := stageBlocks(t, s, "f", 3)
	_, err := st.WriteAt([]byte("!"), 12)
	check(t, err)
	_, err = st.Commit(storage.Attributes{})
	check(t, err)
	if got := storagetest.Get(t, s, "f"); got != "aaaabbbbcccc!" {
		t.Errorf("the file holds %q", got)
	}
	check(t, stageBlocks(t, s, "h", 1).Abort())
	check(t, s.Close())
	wantNoLitter(t, dir)
}

// What a killed server had is gone on with by the next one.
func TestKilledWithMarks(t *testing.T) {
	dir := t.TempDir()
	check(t, os.Mkdir(dir+"/r", 0o755))
	kill := startChild(t, dir)
	s := open(t, dir, Options{NoSync: true})
	s.takeoverWait = 0
	if got := marked(t, s, "r/resumed"); got != 0 {
		t.Errorf("%d blocks of a file that another server has open", got)
	}
	kill()
	if got := marked(t, s, "r/resumed"); got != 2 {
		t.Errorf("%d blocks of what a killed server left", got)
	}
}

// What is left in any state is gone on with as far as it goes, or not at all.
func TestLeftovers(t *testing.T) {
	edit := func(name string, change func(b []byte) []byte) error {
		b, err := os.ReadFile(name)
		if err != nil {
			return err
		}
		return os.WriteFile(name, change(b), 0o600)
	}
	for what, test := range map[string]struct {
		spoil func(file, journal string) error
		want  int
	}{
		"a torn digest":     {func(_, journal string) error { return os.Truncate(journal, journalHead+2*16+15) }, 2},
		"a part of a block": {func(file, _ string) error { return os.Truncate(file, 7) }, 1},
		"no staging file":   {func(file, _ string) error { return os.Remove(file) }, 0},
		"no journal":        {func(_, journal string) error { return os.Remove(journal) }, 0},
		"an empty journal":  {func(_, journal string) error { return os.Truncate(journal, 0) }, 0},
		"another format": {func(_, journal string) error {
			return edit(journal, func(b []byte) []byte { b[7]++; return b })
		}, 0},
		"another boot": {func(_, journal string) error {
			return edit(journal, func(b []byte) []byte { b[journalHead-1]++; return b })
		}, 0},
		"a digest of nothing": {func(_, journal string) error {
			return edit(journal, func(b []byte) []byte { clear(b[journalHead+16:][:16]); return b })
		}, 1},
		"more than there can be": {func(file, journal string) error {
			check(t, edit(file, func(b []byte) []byte { return append(b, make([]byte, 100)...) }))
			return edit(journal, func(b []byte) []byte { return append(b, bytes.Repeat([]byte{1}, 1600)...) })
		}, 3},
	} {
		dir := t.TempDir()
		s := open(t, dir, Options{NoSync: true})
		check(t, stageBlocks(t, s, "f", 3).Leave())
		check(t, test.spoil(left(t, dir)))
		for range 2 { // what was cut off does not count later either
			st, err := s.Create("f", resumeOptions())
			check(t, err)
			digests, dropped := st.Marked()
			if len(digests) != test.want || dropped {
				t.Errorf("%s: %d blocks, %v", what, len(digests), dropped)
			}
			// The last block alone makes the file as long as it was.
			_, err = st.WriteAt([]byte("x"), 12)
			check(t, err)
			check(t, st.Mark(7, storage.Digest{9})) // so that there is something to keep
			check(t, st.Leave())
		}
		check(t, s.Close())
	}
}

// What was left long ago is swept, and so is what is of no use.
func TestSweepOfWhatIsLeft(t *testing.T) {
	old := time.Now().Add(-25 * time.Hour)
	for what, test := range map[string]struct {
		keep  time.Duration
		spoil func(journal string) error
		gone  bool
	}{
		"yesterday's":              {0, func(journal string) error { return os.Chtimes(journal, old, old) }, true},
		"yesterday's, kept longer": {48 * time.Hour, func(journal string) error { return os.Chtimes(journal, old, old) }, false},
		"today's":                  {0, func(string) error { return nil }, false},
		"of another boot":          {0, func(journal string) error { return os.Truncate(journal, 10) }, true},
		"stored before the kill":   {0, func(journal string) error { return os.Remove(strings.TrimSuffix(journal, lockSuffix)) }, true},
	} {
		dir := t.TempDir()
		s := open(t, dir, Options{NoSync: true})
		check(t, stageBlocks(t, s, "f", 2).Leave())
		check(t, s.Close())
		_, journal := left(t, dir)
		check(t, test.spoil(journal))
		check(t, open(t, dir, Options{NoSync: true, KeepResumable: test.keep}).Close())
		if gone := len(reserved(t, dir)) == 0; gone != test.gone {
			t.Errorf("%s: %q are left", what, reserved(t, dir))
		}
	}
}

// What is kept for less than an hour goes as soon: at the latest when the server stops.
func TestSweepSoon(t *testing.T) {
	for keep, want := range map[time.Duration]time.Duration{
		1: time.Second, time.Minute: time.Minute, 24 * time.Hour: time.Hour,
	} {
		if got := sweepEvery(keep); got != want {
			t.Errorf("what is kept for %v is swept every %v, want %v", keep, got, want)
		}
	}
	for keep, want := range map[time.Duration]bool{time.Nanosecond: true, time.Hour: false} {
		dir := t.TempDir()
		s := open(t, dir, Options{NoSync: true, KeepResumable: keep})
		check(t, stageBlocks(t, s, "f", 2).Leave())
		_, journal := left(t, dir)
		check(t, os.Chtimes(journal, time.Unix(1, 0), time.Now().Add(-time.Minute)))
		check(t, s.Close())
		if gone := len(reserved(t, dir)) == 0; gone != want {
			t.Errorf("kept for %v, after the end %q are left", keep, reserved(t, dir))
		}
	}
}

// What somebody has open is not swept, however old it is.
func TestSweepLeavesWhatIsInUse(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{NoSync: true})
	st := stageBlocks(t, s, "f", 2)
	s.sweepResumable(time.Now().Add(time.Hour))
	check(t, open(t, dir, Options{NoSync: true, KeepResumable: 1}).Close())
	check(t, st.Leave())
	if got := marked(t, s, "f"); got != 2 {
		t.Errorf("%d blocks", got)
	}
	s.sweepResumable(time.Now().Add(time.Hour))
	if got := marked(t, s, "f"); got != 0 {
		t.Errorf("%d blocks after the sweep", got)
	}
}

// An upload that could not go on with another, for that was under way, leaves nothing of
// it once it is stored: be that over by then or not.
func TestStoredByAnother(t *testing.T) {
	for _, first := range []string{"leave", "commit"} {
		dir := t.TempDir()
		s := open(t, dir, Options{NoSync: true})
		s.takeoverWait = 0
		old := stageBlocks(t, s, "f", 2)
		st := storagetest.Stage(t, s, "f", "aaaabbbbccccd", resumeOptions())
		if first == "leave" {
			check(t, old.Leave())
		}
		_, err := st.Commit(storage.Attributes{})
		check(t, err)
		check(t, old.Leave())
		if files, err := filepath.Glob(filepath.Join(dir, stagingDirectory, resumeDirectory, "*")); err != nil || len(files) > 0 {
			t.Errorf("%s first: %q are left, %v", first, files, err)
		}
		check(t, s.Close())
		wantNoLitter(t, dir)
	}
}

func TestNothingIsKept(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{NoSync: true, KeepResumable: -1})
	check(t, stageBlocks(t, s, "f", 2).Leave())
	if got := marked(t, s, "f"); got != 0 {
		t.Errorf("%d blocks", got)
	}
	check(t, s.Close())
	wantNoLitter(t, dir)
}

// An upload waits for the one before it to end, but not for ever.
func TestTakeover(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := &Store{claimed: map[string]chan struct{}{}, takeoverWait: takeoverWait}
		first := s.claim("f")
		got := make(chan chan struct{}, 1)
		go func() { got <- s.claim("f") }()
		synctest.Wait()
		s.unclaim("f", first)
		if second := <-got; second == nil {
			t.Error("it does not get what was given up")
		}
		begun := time.Now()
		if s.claim("f") != nil || time.Since(begun) != takeoverWait {
			t.Errorf("it waited for %v", time.Since(begun))
		}
		if s.claim("g") == nil {
			t.Error("it waits for another name")
		}
	})
}

// Somebody who tidies up ends no upload but those that were under way.
func TestLeftIsRemoved(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{NoSync: true})
	before := descriptors(t)
	st := stageBlocks(t, s, "f", 2)
	check(t, os.RemoveAll(filepath.Join(dir, stagingDirectory)))
	if _, err := st.Commit(storage.Attributes{}); err == nil || !strings.Contains(err.Error(), stagingDirectory) {
		t.Errorf("Commit of what was lost: %v", err)
	}
	st = stageBlocks(t, s, "f", 3)
	_, err := st.Commit(storage.Attributes{})
	check(t, err)
	if after := descriptors(t); after > before+2 { // of the instance
		t.Errorf("%d descriptors before, %d after", before, after)
	}
}

// A directory of the store's own name that is a user's is refused like any other.
func TestLeftIsPrivate(t *testing.T) {
	dir := t.TempDir()
	s := open(t, dir, Options{NoSync: true})
	check(t, stageBlocks(t, s, "f", 2).Leave())
	check(t, os.Symlink(stagingDirectory+"/"+resumeDirectory, dir+"/link"))
	if _, err := s.List("link", false); err == nil {
		t.Error("what was left is listed through a link")
	}
	if names := storagetest.Names(t, s, storage.Root, true); !slices.Equal(names, []string{"link"}) {
		t.Errorf("the tree holds %q", names)
	}
	for _, f := range reserved(t, dir) {
		if info, err := os.Lstat(dir + f); err != nil || info.Mode().IsRegular() && info.Mode() != 0o600 {
			t.Errorf("%s is %v, %v", f, info.Mode(), err)
		}
	}
}

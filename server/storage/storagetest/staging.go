package storagetest

import (
	"io/fs"
	"strings"
	"sync"
	"testing"
	"time"

	"ftpd/server/storage"
)

var stagingTests = map[string]func(*testing.T, storage.Storage){
	"put":                     put,
	"put empty":               putEmpty,
	"put replaces":            putReplaces,
	"put in any order":        putInAnyOrder,
	"put concurrently":        putConcurrently,
	"put attributes":          putAttributes,
	"put strips special bits": putStripsSpecialBits,
	"put where it cannot be":  putWhereItCannotBe,
	"put with parents":        putWithParents,
	"abort":                   abort,
	"abort leaves no parents": abortLeavesNoParents,
	"ended staging":           endedStaging,
	"parent removed":          parentRemoved,
	"close aborts":            closeAborts,
	"readers see whole files": readersSeeWholeFiles,
}

func put(t *testing.T, s storage.Storage) {
	info := Put(t, s, "f", "content")
	if info.Kind != storage.Regular || info.Size != 7 || info.ETag == 0 || time.Since(info.Mtime).Abs() > time.Hour {
		t.Errorf("Commit = %+v", info)
	}
	if got := Get(t, s, "f"); got != "content" {
		t.Errorf("the file holds %q", got)
	}
	wantNames(t, s, "f")
}

func putEmpty(t *testing.T, s storage.Storage) {
	st, err := s.Create("f", storage.CreateOptions{})
	must(t, err)
	info, err := st.Commit(storage.Attributes{})
	must(t, err)
	if info.Size != 0 || info.ETag == 0 || Get(t, s, "f") != "" {
		t.Errorf("Commit = %+v", info)
	}
}

func putReplaces(t *testing.T, s storage.Storage) {
	Put(t, s, "f", "a long first version")
	st := Stage(t, s, "f", "second", storage.CreateOptions{Size: -1})
	if got := Get(t, s, "f"); got != "a long first version" {
		t.Errorf("before the commit the file holds %q", got)
	}
	_, err := st.Commit(storage.Attributes{})
	must(t, err)
	if got := Get(t, s, "f"); got != "second" {
		t.Errorf("after the commit the file holds %q", got)
	}
}

func putInAnyOrder(t *testing.T, s storage.Storage) {
	st := Stage(t, s, "f", "", storage.CreateOptions{})
	for _, part := range []struct {
		text   string
		offset int64
	}{{"6789", 6}, {"012", 0}, {"345", 3}, {"01", 0}} {
		_, err := st.WriteAt([]byte(part.text), part.offset)
		must(t, err)
	}
	_, err := st.Commit(storage.Attributes{})
	must(t, err)
	if got := Get(t, s, "f"); got != "0123456789" {
		t.Errorf("the file holds %q", got)
	}
}

func putConcurrently(t *testing.T, s storage.Storage) {
	const parts, size = 16, 1000
	st := Stage(t, s, "f", "", storage.CreateOptions{Size: parts * size})
	var wg sync.WaitGroup
	for i := range parts {
		wg.Go(func() {
			if _, err := st.WriteAt([]byte(strings.Repeat(string(rune('a'+i)), size)), int64(i*size)); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	_, err := st.Commit(storage.Attributes{})
	must(t, err)
	content := Get(t, s, "f")
	for i := range parts {
		if part := content[i*size : (i+1)*size]; part != strings.Repeat(string(rune('a'+i)), size) {
			t.Errorf("part %d holds %.20q", i, part)
		}
	}
}

func putAttributes(t *testing.T, s storage.Storage) {
	mtime := time.Unix(1_000_000_000, 123_000_000)
	for _, mode := range []uint32{0o600, 0o755, 0o666, 0o400} {
		st := Stage(t, s, "f", "x", storage.CreateOptions{})
		info, err := st.Commit(storage.Attributes{Mode: mode, Mtime: mtime})
		must(t, err)
		if info.Mode != mode || !info.Mtime.Equal(mtime) {
			t.Errorf("asked for %o and %v, got %o and %v", mode, mtime, info.Mode, info.Mtime)
		}
	}
	st := Stage(t, s, "f", "x", storage.CreateOptions{})
	info, err := st.Commit(storage.Attributes{})
	must(t, err)
	if info.Mode == 0o400 || info.Mtime.Equal(mtime) {
		t.Errorf("the old file's attributes stayed: %+v", info)
	}
}

func putStripsSpecialBits(t *testing.T, s storage.Storage) {
	st := Stage(t, s, "f", "x", storage.CreateOptions{})
	info, err := st.Commit(storage.Attributes{Mode: 0o7755})
	must(t, err)
	if info.Mode != 0o755 {
		t.Errorf("the mode is %o", info.Mode)
	}
}

func putWhereItCannotBe(t *testing.T, s storage.Storage) {
	must(t, s.Mkdir("d", 0, false))
	Put(t, s, "f", "")
	for _, test := range []struct {
		path    storage.Path
		parents bool
		want    error
	}{
		{"d", false, storage.ErrIsDirectory},
		{storage.Root, false, storage.ErrIsDirectory},
		{"missing/f", false, fs.ErrNotExist},
		{"f/x", false, storage.ErrNotDirectory},
		{"f/x", true, storage.ErrNotDirectory},
		{"f/x/y", true, storage.ErrNotDirectory},
	} {
		_, err := s.Create(test.path, storage.CreateOptions{Parents: test.parents})
		wantError(t, string(test.path), err, test.want)
	}
	wantNames(t, s, "d", "f")
}

func putWithParents(t *testing.T, s storage.Storage) {
	Put(t, s, "a/b/c/f", "1")
	Put(t, s, "a/b/d/f", "2")
	wantNames(t, s, "a", "a/b", "a/b/c", "a/b/c/f", "a/b/d", "a/b/d/f")
}

func abort(t *testing.T, s storage.Storage) {
	Put(t, s, "f", "old")
	for _, path := range []storage.Path{"f", "new"} {
		st := Stage(t, s, path, "half", storage.CreateOptions{})
		must(t, st.Abort())
	}
	if got := Get(t, s, "f"); got != "old" {
		t.Errorf("the file holds %q", got)
	}
	wantNames(t, s, "f")
}

func abortLeavesNoParents(t *testing.T, s storage.Storage) {
	must(t, Stage(t, s, "a/b/f", "half", storage.CreateOptions{Parents: true}).Abort())
	wantNames(t, s)
}

func endedStaging(t *testing.T, s storage.Storage) {
	committed := Stage(t, s, "f", "x", storage.CreateOptions{})
	_, err := committed.Commit(storage.Attributes{})
	must(t, err)
	must(t, committed.Abort())
	aborted := Stage(t, s, "g", "x", storage.CreateOptions{})
	must(t, aborted.Abort())
	must(t, aborted.Abort())
	for _, st := range []storage.Staging{committed, aborted} {
		_, err := st.WriteAt([]byte("y"), 0)
		wantError(t, "WriteAt", err, fs.ErrClosed)
		_, err = st.Commit(storage.Attributes{})
		wantError(t, "Commit", err, fs.ErrClosed)
	}
	if got := Get(t, s, "f"); got != "x" {
		t.Errorf("the file holds %q", got)
	}
	wantNames(t, s, "f")
}

func parentRemoved(t *testing.T, s storage.Storage) {
	must(t, s.Mkdir("d", 0, false))
	lost := Stage(t, s, "d/f", "x", storage.CreateOptions{})
	made := Stage(t, s, "d/g", "x", storage.CreateOptions{Parents: true})
	_, err := s.Remove(t.Context(), "d", false)
	must(t, err)
	_, err = lost.Commit(storage.Attributes{})
	wantError(t, "Commit", err, fs.ErrNotExist)
	wantNames(t, s)
	_, err = made.Commit(storage.Attributes{})
	must(t, err)
	wantNames(t, s, "d", "d/g")
}

// closeAborts leaves the rest to Run, which closes the storage: an upload that
// is under way must not make that fail.
func closeAborts(t *testing.T, s storage.Storage) {
	Stage(t, s, "f", "half", storage.CreateOptions{})
}

func readersSeeWholeFiles(t *testing.T, s storage.Storage) {
	versions := []string{strings.Repeat("a", 10_000), strings.Repeat("b", 20_000)}
	Put(t, s, "f", versions[0])
	stop := make(chan struct{})
	var wg sync.WaitGroup
	for range 2 {
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				if got, err := Read(s, "f"); err != nil || got != versions[0] && got != versions[1] {
					t.Errorf("a reader saw %d bytes, %v", len(got), err)
					return
				}
			}
		})
	}
	for i := range 200 {
		Put(t, s, "f", versions[i%2])
	}
	close(stop)
	wg.Wait()
}

package storagetest

import (
	"fmt"
	"io"
	"io/fs"
	"slices"
	"strings"
	"testing"

	"ftpd/server/storage"
)

var listTests = map[string]func(*testing.T, storage.Storage){
	"list empty":          listEmpty,
	"list flat":           listFlat,
	"list recursive":      listRecursive,
	"list many":           listMany,
	"list deep":           listDeep,
	"list what is no dir": listNoDirectory,
	"list closed early":   listClosedEarly,
	"list hides staging":  listHidesStaging,
}

func listEmpty(t *testing.T, s storage.Storage) {
	for _, recursive := range []bool{false, true} {
		l, err := s.List(storage.Root, recursive)
		must(t, err)
		for range 2 {
			if entry, err := l.Next(); err != io.EOF {
				t.Errorf("Next = %+v, %v", entry, err)
			}
		}
		must(t, l.Close())
	}
}

func listFlat(t *testing.T, s storage.Storage) {
	Put(t, s, "d/sub/deep", "x")
	Put(t, s, "d/f", "four")
	entries := Walk(t, s, "d", false)
	if len(entries) != 2 || entries["sub"].Kind != storage.Directory || entries["f"].Kind != storage.Regular || entries["f"].Size != 4 {
		t.Errorf("entries: %+v", entries)
	}
}

func listRecursive(t *testing.T, s storage.Storage) {
	want := []string{"a", "a/b", "a/b/c", "a/b/d", "a/e", "f"}
	for _, path := range []storage.Path{"a/b/c", "a/b/d", "a/e", "f"} {
		Put(t, s, path, "")
	}
	wantNames(t, s, want...)
	if got := Names(t, s, "a", true); !slices.Equal(got, []string{"b", "b/c", "b/d", "e"}) {
		t.Errorf("below a: %q", got)
	}
}

// listMany has more entries than any batch.
func listMany(t *testing.T, s storage.Storage) {
	var want []string
	for i := range 300 {
		name := fmt.Sprintf("d%03d", i)
		must(t, s.Mkdir(storage.Path(name), 0, false))
		want = append(want, name)
	}
	wantNames(t, s, want...)
}

// listDeep has more levels than any store should hold open, and a second
// entry in each, so that the walk has something to come back to.
func listDeep(t *testing.T, s storage.Storage) {
	const levels = 100
	var want []string
	at := storage.Root
	for range levels {
		must(t, s.Mkdir(at.Join("d"), 0, false))
		must(t, s.Mkdir(at.Join("other"), 0, false))
		want = append(want, string(at.Join("d")), string(at.Join("other")))
		at = at.Join("d")
	}
	slices.Sort(want)
	wantNames(t, s, want...)
	if n, err := s.Remove(t.Context(), "d", true); err != nil || n != 2*levels-1 {
		t.Errorf("Remove = %d, %v", n, err)
	}
	wantNames(t, s, "other")
}

func listNoDirectory(t *testing.T, s storage.Storage) {
	Put(t, s, "f", "")
	_, err := s.List("f", false)
	wantError(t, "file", err, storage.ErrNotDirectory)
	_, err = s.List("missing", true)
	wantError(t, "missing", err, fs.ErrNotExist)
}

func listClosedEarly(t *testing.T, s storage.Storage) {
	Put(t, s, "a/b/c", "")
	l, err := s.List(storage.Root, true)
	must(t, err)
	_, err = l.Next()
	must(t, err)
	must(t, l.Close())
}

func listHidesStaging(t *testing.T, s storage.Storage) {
	st := Stage(t, s, "f", "x", storage.CreateOptions{})
	wantNames(t, s)
	must(t, st.Abort())
	for name := range Walk(t, s, storage.Root, true) {
		if strings.Contains(name, storage.Reserved) {
			t.Errorf("%q is listed", name)
		}
	}
}

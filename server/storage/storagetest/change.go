package storagetest

import (
	"context"
	"fmt"
	"io/fs"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"ftpd/server/storage"
)

var changeTests = map[string]func(*testing.T, storage.Storage){
	"mkdir":                  mkdir,
	"mkdir parents":          mkdirParents,
	"mkdir at once":          mkdirAtOnce,
	"remove":                 remove,
	"remove tree":            removeTree,
	"remove many":            removeMany,
	"remove the rest":        removeTheRest,
	"remove cancelled":       removeCancelled,
	"rename":                 rename,
	"rename replaces":        renameReplaces,
	"rename refuses":         renameRefuses,
	"rename no replace":      renameNoReplace,
	"rename no replace race": renameNoReplaceRaces,
	"rename parents":         renameParents,
}

func mkdir(t *testing.T, s storage.Storage) {
	must(t, s.Mkdir("d", 0o700, false))
	if info, err := s.Stat("d", true); err != nil || info.Mode != 0o700 {
		t.Errorf("Stat = %+v, %v", info, err)
	}
	Put(t, s, "f", "")
	wantError(t, "again", s.Mkdir("d", 0, false), fs.ErrExist)
	wantError(t, "the root", s.Mkdir(storage.Root, 0, false), fs.ErrExist)
	wantError(t, "a file", s.Mkdir("f", 0, false), fs.ErrExist)
	wantError(t, "in what is missing", s.Mkdir("missing/d", 0, false), fs.ErrNotExist)
	wantError(t, "in a file", s.Mkdir("f/d", 0, false), storage.ErrNotDirectory)
}

func mkdirParents(t *testing.T, s storage.Storage) {
	must(t, s.Mkdir("a/b/c", 0o777, true))
	must(t, s.Mkdir("a/b/c", 0o777, true))
	must(t, s.Mkdir(storage.Root, 0, true))
	wantNames(t, s, "a", "a/b", "a/b/c")
	if info, err := s.Stat("a/b/c", true); err != nil || info.Mode != 0o777 {
		t.Errorf("Stat = %+v, %v; want the mode that was asked for", info, err)
	}
	Put(t, s, "f", "")
	wantError(t, "a file", s.Mkdir("f", 0, true), storage.ErrNotDirectory)
	wantError(t, "in a file", s.Mkdir("f/d", 0, true), storage.ErrNotDirectory)
}

func mkdirAtOnce(t *testing.T, s storage.Storage) {
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if err := s.Mkdir("a/b/c/d", 0, true); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	wantNames(t, s, "a", "a/b", "a/b/c", "a/b/c/d")
}

func wantRemoved(t *testing.T, s storage.Storage, path storage.Path, recursive bool, want int) {
	t.Helper()
	if n, err := s.Remove(t.Context(), path, recursive); n != want || err != nil {
		t.Errorf("Remove(%q, %v) = %d, %v; want %d", path, recursive, n, err, want)
	}
}

func remove(t *testing.T, s storage.Storage) {
	Put(t, s, "d/f", "")
	for _, test := range []struct {
		path      storage.Path
		recursive bool
		want      error
	}{
		{"d", false, storage.ErrNotEmpty},
		{"missing", false, fs.ErrNotExist},
		{"missing", true, fs.ErrNotExist},
		{"d/f/x", false, storage.ErrNotDirectory},
		{storage.Root, false, storage.ErrInvalid},
		{storage.Root, true, storage.ErrInvalid},
	} {
		n, err := s.Remove(t.Context(), test.path, test.recursive)
		wantError(t, string(test.path), err, test.want)
		if n != 0 {
			t.Errorf("Remove(%q) says that %d entries went", test.path, n)
		}
	}
	wantNames(t, s, "d", "d/f")
	wantRemoved(t, s, "d/f", false, 1)
	wantRemoved(t, s, "d", false, 1)
	wantNames(t, s)
}

func removeTree(t *testing.T, s storage.Storage) {
	for _, path := range []storage.Path{"a/b/c", "a/b/d", "a/e", "f"} {
		Put(t, s, path, "")
	}
	wantRemoved(t, s, "a", true, 5)
	wantRemoved(t, s, "f", true, 1)
	wantNames(t, s)
}

// removeMany has more entries in a directory than any batch.
func removeMany(t *testing.T, s storage.Storage) {
	const count = 300
	for i := range count {
		must(t, s.Mkdir(storage.Path("d").Join(string(rune('a'+i%26))+string(rune('a'+i/26))), 0, true))
	}
	wantRemoved(t, s, "d", true, count+1)
	wantNames(t, s)
}

// removeTheRest has entries that cannot go, for a store never removes what it
// keeps for itself: no path that a client sends has such a name.
func removeTheRest(t *testing.T, s storage.Storage) {
	own := storage.Path(storage.Reserved + "own")
	for _, path := range []storage.Path{"d/a/f", "d/b/c/f", "d/b/c/" + own, "d/b/f", "d/z/f", "e/a/f", "e/b/" + own, "e/f"} {
		must(t, s.Mkdir(path.Dir(), 0, true))
		must(t, s.Mkdir(path, 0, false))
	}
	must(t, s.Mkdir("d/y/"+own, 0, true))
	n, err := s.Remove(t.Context(), "e", true)
	wantError(t, "one stays", err, storage.ErrNotEmpty)
	if text := fmt.Sprint(err); n != 3 || !strings.HasPrefix(text, `"e/b": `) || strings.Contains(text, "more") {
		t.Errorf("%d entries went: %v", n, err)
	}
	n, err = s.Remove(t.Context(), "d", true)
	wantError(t, "two stay", err, storage.ErrNotEmpty)
	text := fmt.Sprint(err)
	if first := strings.HasPrefix(text, `"d/b/c": `) || strings.HasPrefix(text, `"d/y": `); n != 6 || !first || !strings.Contains(text, "1 more ") {
		t.Errorf("%d entries went: %v", n, err)
	}
	wantNames(t, s, "d", "d/b", "d/b/c", "d/y", "e", "e/b")
}

func removeCancelled(t *testing.T, s storage.Storage) {
	Put(t, s, "d/f", "")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	n, err := s.Remove(ctx, "d", true)
	wantError(t, "Remove", err, context.Canceled)
	if n != 0 {
		t.Errorf("%d entries went", n)
	}
	wantNames(t, s, "d", "d/f")
}

func rename(t *testing.T, s storage.Storage) {
	Put(t, s, "f", "content")
	Put(t, s, "d/g", "")
	must(t, s.Rename("f", "d/f", storage.RenameOptions{}))
	if got := Get(t, s, "d/f"); got != "content" {
		t.Errorf("the file holds %q", got)
	}
	must(t, s.Rename("d", "e", storage.RenameOptions{}))
	must(t, s.Rename("e", "e", storage.RenameOptions{}))
	wantNames(t, s, "e", "e/f", "e/g")
}

func renameReplaces(t *testing.T, s storage.Storage) {
	Put(t, s, "a", "new")
	Put(t, s, "b", "old")
	must(t, s.Rename("a", "b", storage.RenameOptions{}))
	if got := Get(t, s, "b"); got != "new" {
		t.Errorf("the file holds %q", got)
	}
	wantNames(t, s, "b")
}

func renameRefuses(t *testing.T, s storage.Storage) {
	Put(t, s, "f", "")
	Put(t, s, "d/g", "")
	must(t, s.Mkdir("e", 0, false))
	for _, test := range []struct {
		from, to storage.Path
		want     error
	}{
		{"missing", "x", fs.ErrNotExist},
		{"missing", "f", fs.ErrNotExist},
		{"f", "missing/x", fs.ErrNotExist},
		{"f", "d", storage.ErrIsDirectory},
		{"d", "e", storage.ErrIsDirectory},
		{"d", "f", storage.ErrNotDirectory},
		{"d/g", "f/x", storage.ErrNotDirectory},
		{"d", "d/x", storage.ErrInvalid},
		{storage.Root, "x", storage.ErrInvalid},
		{"f", storage.Root, storage.ErrInvalid},
	} {
		err := s.Rename(test.from, test.to, storage.RenameOptions{})
		wantError(t, string(test.from+" to "+test.to), err, test.want)
	}
	wantNames(t, s, "d", "d/g", "e", "f")
}

func renameNoReplace(t *testing.T, s storage.Storage) {
	Put(t, s, "a", "a")
	Put(t, s, "b", "b")
	must(t, s.Mkdir("d", 0, false))
	must(t, s.Mkdir("e", 0, false))
	options := storage.RenameOptions{NoReplace: true}
	for _, pair := range [][2]storage.Path{{"a", "b"}, {"a", "d"}, {"d", "e"}, {"d", "a"}, {"a", "a"}} {
		wantError(t, string(pair[0]+" to "+pair[1]), s.Rename(pair[0], pair[1], options), fs.ErrExist)
	}
	must(t, s.Rename("a", "c", options))
	must(t, s.Rename("d", "g", options))
	wantNames(t, s, "b", "c", "e", "g")
}

func renameNoReplaceRaces(t *testing.T, s storage.Storage) {
	var wg sync.WaitGroup
	var won atomic.Int32
	for i := range 20 {
		from := storage.Path("f" + string(rune('a'+i)))
		Put(t, s, from, string(from))
		wg.Go(func() {
			err := s.Rename(from, "to", storage.RenameOptions{NoReplace: true})
			if err == nil {
				won.Add(1)
			} else {
				wantError(t, "Rename", err, fs.ErrExist)
			}
		})
	}
	wg.Wait()
	if won.Load() != 1 || len(Names(t, s, storage.Root, false)) != 20 {
		t.Errorf("%d renames won", won.Load())
	}
}

func renameParents(t *testing.T, s storage.Storage) {
	Put(t, s, "f", "content")
	must(t, s.Rename("f", "a/b/g", storage.RenameOptions{Parents: true}))
	wantNames(t, s, "a", "a/b", "a/b/g")
	wantError(t, "missing", s.Rename("missing", "x/y", storage.RenameOptions{Parents: true}), fs.ErrNotExist)
	wantNames(t, s, "a", "a/b", "a/b/g")
}

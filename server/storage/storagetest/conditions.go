package storagetest

import (
	"fmt"
	"io/fs"
	"sync"
	"testing"

	"ftpd/server/storage"
)

var conditionTests = map[string]func(*testing.T, storage.Storage){
	"create only":        createOnly,
	"create only races":  createOnlyRaces,
	"if match":           ifMatch,
	"if match races":     ifMatchRaces,
	"if match and write": ifMatchAndOverwrite,
}

func createOnly(t *testing.T, s storage.Storage) {
	Put(t, s, "f", "old")
	must(t, s.Mkdir("d", 0, false))
	for _, path := range []storage.Path{"f", "d"} {
		_, err := s.Create(path, storage.CreateOptions{CreateOnly: true})
		wantError(t, string(path), err, fs.ErrExist)
	}
	st := Stage(t, s, "g", "late", storage.CreateOptions{CreateOnly: true})
	Put(t, s, "g", "first")
	_, err := st.Commit(storage.Attributes{})
	wantError(t, "Commit", err, fs.ErrExist)
	if got := Get(t, s, "g"); got != "first" {
		t.Errorf("the file holds %q", got)
	}
	st = Stage(t, s, "h", "new", storage.CreateOptions{CreateOnly: true})
	info, err := st.Commit(storage.Attributes{})
	must(t, err)
	if now, err := s.Stat("h", true); err != nil || now.ETag != info.ETag {
		t.Errorf("Commit returned the ETag %x, Stat %x, %v", info.ETag, now.ETag, err)
	}
	wantNames(t, s, "d", "f", "g", "h")
}

// commitAtOnce commits one staging file of each content at the same time and
// returns the contents that made it.
func commitAtOnce(t *testing.T, s storage.Storage, path storage.Path, options storage.CreateOptions, lost error) (won []string) {
	t.Helper()
	const rivals = 50
	var mu sync.Mutex
	var wg sync.WaitGroup
	start := make(chan struct{})
	for i := range rivals {
		content := fmt.Sprintf("rival %d", i)
		st := Stage(t, s, path, content, options)
		wg.Go(func() {
			<-start
			_, err := st.Commit(storage.Attributes{})
			if err != nil {
				wantError(t, "Commit", err, lost)
				return
			}
			mu.Lock()
			won = append(won, content)
			mu.Unlock()
		})
	}
	close(start)
	wg.Wait()
	return won
}

func createOnlyRaces(t *testing.T, s storage.Storage) {
	won := commitAtOnce(t, s, "f", storage.CreateOptions{CreateOnly: true}, fs.ErrExist)
	if len(won) != 1 || Get(t, s, "f") != won[0] {
		t.Errorf("these won: %q", won)
	}
	wantNames(t, s, "f")
}

func ifMatch(t *testing.T, s storage.Storage) {
	first := Put(t, s, "f", "first")
	_, err := s.Create("f", storage.CreateOptions{IfMatch: first.ETag + 1})
	wantError(t, "another version", err, storage.ErrChanged)
	_, err = s.Create("missing", storage.CreateOptions{IfMatch: 1})
	wantError(t, "missing", err, storage.ErrChanged)
	_, err = s.Create("missing/f", storage.CreateOptions{IfMatch: 1, Parents: true})
	wantError(t, "missing parent", err, storage.ErrChanged)

	late := Stage(t, s, "f", "late", storage.CreateOptions{IfMatch: first.ETag})
	st := Stage(t, s, "f", "second", storage.CreateOptions{IfMatch: first.ETag})
	_, err = st.Commit(storage.Attributes{})
	must(t, err)
	_, err = late.Commit(storage.Attributes{})
	wantError(t, "Commit", err, storage.ErrChanged)
	if got := Get(t, s, "f"); got != "second" {
		t.Errorf("the file holds %q", got)
	}

	gone := Stage(t, s, "f", "third", storage.CreateOptions{IfMatch: Put(t, s, "f", "x").ETag})
	_, err = s.Remove(t.Context(), "f", false)
	must(t, err)
	_, err = gone.Commit(storage.Attributes{})
	wantError(t, "Commit after Remove", err, storage.ErrChanged)
	wantNames(t, s)
}

func ifMatchRaces(t *testing.T, s storage.Storage) {
	first := Put(t, s, "f", "first")
	won := commitAtOnce(t, s, "f", storage.CreateOptions{IfMatch: first.ETag}, storage.ErrChanged)
	if len(won) != 1 || Get(t, s, "f") != won[0] {
		t.Errorf("these won: %q", won)
	}
}

// ifMatchAndOverwrite has conditional and plain commits at the same time: a
// conditional one never replaces a version other than the one it names.
func ifMatchAndOverwrite(t *testing.T, s storage.Storage) {
	for range 20 {
		first := Put(t, s, "f", "first")
		plain := Stage(t, s, "f", "plain", storage.CreateOptions{})
		conditional := Stage(t, s, "f", "conditional", storage.CreateOptions{IfMatch: first.ETag})
		var wg sync.WaitGroup
		wg.Go(func() {
			if _, err := plain.Commit(storage.Attributes{}); err != nil {
				t.Error(err)
			}
		})
		_, _ = conditional.Commit(storage.Attributes{})
		wg.Wait()
		if got := Get(t, s, "f"); got != "plain" {
			t.Fatalf("the file holds %q: the plain commit came either after or made the other fail", got)
		}
	}
}

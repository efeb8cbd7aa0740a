//go:build unix

package homes

import (
	"errors"
	"fmt"
	"io/fs"
	"runtime"
	"strings"
	"sync"
	"testing"

	"ftpd/server/storage"
	"ftpd/server/storage/storagetest"
)

// Of many that make or replace one file, by the storage of the root and by that of a home,
// one succeeds.
func TestOverlappingRaces(t *testing.T) {
	h := open(t, t.TempDir(), Options{})
	whole, home := acquire(t, h, "/", Quota{}), acquire(t, h, "users/ann", Quota{Bytes: 1 << 20})
	sides := []struct {
		storage.Storage
		prefix storage.Path
	}{{whole, "users/ann/"}, {home, ""}}
	race := func(o storage.CreateOptions, path storage.Path, lost error) {
		t.Helper()
		errs := make([]error, 16)
		var group sync.WaitGroup
		for i := range errs {
			s, batch := sides[i%2], i/2%2 == 0
			group.Go(func() {
				w := storage.Whole{Path: s.prefix + path, Content: []byte(fmt.Sprint("by ", i)), CreateOptions: o}
				w.Size = int64(len(w.Content))
				if batch {
					errs[i] = s.StoreEach([]storage.Whole{w})[0].Err
				} else {
					_, errs[i] = storage.Store(s, &w)
				}
			})
		}
		group.Wait()
		won := -1
		for i, err := range errs {
			switch {
			case err == nil && won >= 0:
				t.Fatalf("%d and %d both succeeded", won, i)
			case err == nil:
				won = i
			case !errors.Is(err, lost):
				t.Fatal(err)
			}
		}
		if got, want := storagetest.Get(t, home, path), fmt.Sprint("by ", won); got != want {
			t.Fatalf("the file is %q, want %q", got, want)
		}
	}
	for n := range 100 {
		path := storage.Path(fmt.Sprint("f", n))
		race(storage.CreateOptions{CreateOnly: true}, path, fs.ErrExist)
		info, err := whole.Stat("users/ann/"+path, false)
		check(t, err)
		race(storage.CreateOptions{IfMatch: info.ETag}, path, storage.ErrChanged)
	}
}

// What one store stages is hidden in another, and stays out of its hands.
func TestOverlappingStaging(t *testing.T) {
	h := open(t, t.TempDir(), Options{})
	whole, home := acquire(t, h, "/", Quota{}), acquire(t, h, "users/ann", Quota{})
	st, err := home.Create("f", storage.CreateOptions{Size: 9, Resume: storage.Resume{Source: 1, Version: 1, Block: 4}})
	check(t, err)
	for path := range storagetest.Walk(t, whole, storage.Root, true) {
		if strings.Contains(path, storage.Reserved) {
			t.Errorf("a listing of the root shows %q", path)
		}
	}
	if n, err := whole.Remove(t.Context(), "users", true); n > 0 || !errors.Is(err, storage.ErrNotEmpty) {
		t.Errorf("%d entries went, %v", n, err)
	}
	_, err = st.WriteAt([]byte(content(9)), 0)
	check(t, err)
	_, err = st.Commit(storage.Attributes{})
	check(t, err)
	if got := storagetest.Get(t, whole, "users/ann/f"); got != content(9) {
		t.Errorf("it holds %q", got)
	}
}

func TestCheck(t *testing.T) {
	ten := Quota{Bytes: 10}
	for name, c := range map[string]struct {
		uses []Use
		ok   bool
	}{
		"none":                              {nil, true},
		"apart":                             {[]Use{{"ann", "ann", ten, true}, {"bob", "/annex", ten, true}}, true},
		"nested without a quota":            {[]Use{{"ann", "a", Quota{}, true}, {"bob", "a/b", Quota{}, true}}, true},
		"the outer one has a quota":         {[]Use{{"ann", "a", ten, true}, {"bob", "a/b/c", Quota{}, true}}, false},
		"the inner one has a quota":         {[]Use{{"bob", "a/b/c", ten, true}, {"ann", "/a", Quota{}, true}}, false},
		"the outer one only reads":          {[]Use{{"ann", "", Quota{}, false}, {"bob", "b", ten, true}}, true},
		"the inner one only reads":          {[]Use{{"ann", "a", ten, true}, {"bob", "a/b", Quota{}, false}}, true},
		"the root is written to":            {[]Use{{"anonymous", "/", Quota{}, true}, {"bob", "b", ten, true}}, false},
		"two far out, one of which reads":   {[]Use{{"x", "a", Quota{}, false}, {"y", "", Quota{}, true}, {"bob", "a/b", ten, true}}, false},
		"one home, one quota":               {[]Use{{"ann", "a", ten, true}, {"bob", "a//.", ten, true}}, true},
		"one home, two quotas":              {[]Use{{"ann", "a", ten, true}, {"bob", "a", Quota{Bytes: 20}, true}}, false},
		"one home, with and without":        {[]Use{{"ann", "a", Quota{}, true}, {"bob", "a", ten, true}}, false},
		"one home, without one who reads":   {[]Use{{"ann", "a", Quota{}, false}, {"bob", "a", ten, true}}, true},
		"a home that is none":               {[]Use{{"ann", "../a", Quota{}, true}}, false},
		"both have a quota, and both write": {[]Use{{"ann", "a", ten, true}, {"bob", "a/b", ten, true}}, false},
	} {
		err := Check(c.uses)
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
		if err == nil {
			continue
		}
		if who := c.uses[len(c.uses)-1].Who; !strings.Contains(err.Error(), who) {
			t.Errorf("%s: %v; it does not name %s", name, err, who)
		}
	}
}

// A home that is open takes little memory, for the most is had in common.
func TestManyHomes(t *testing.T) {
	const homes, limit = 500, 16 << 10
	h := open(t, t.TempDir(), Options{})
	acquire(t, h, "first", Quota{Bytes: 1 << 20})
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range homes {
		acquire(t, h, fmt.Sprint("home", i), Quota{Bytes: 1 << 20})
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	each := int64(after.HeapAlloc+after.StackInuse-before.HeapAlloc-before.StackInuse) / homes
	if each > limit {
		t.Errorf("a home takes %d bytes, more than %d", each, limit)
	}
	t.Logf("a home takes %d bytes", each)
}

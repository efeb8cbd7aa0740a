package storagetest

import (
	"fmt"
	"io/fs"
	"testing"
	"time"

	"ftpd/server/storage"
)

var severalTests = map[string]func(*testing.T, storage.Storage){
	"open each":                 openEach,
	"open each until it is not": openEachUntil,
	"store each":                storeEach,
	"store each without a hold": storeEachFails,
}

func openEach(t *testing.T, s storage.Storage) {
	Put(t, s, "a/f", "in a")
	Put(t, s, "b/f", "in b")
	Put(t, s, "g", "above")
	paths := []storage.Path{"a/f", "a/none", "b/f", "g", "a", "a/f", "none/f"}
	want := []any{"in a", fs.ErrNotExist, "in b", "above", storage.ErrIsDirectory, "in a", fs.ErrNotExist}
	visited := 0
	visit := func(i int, file storage.File, err error) {
		i += visited // it begins again with what is left
		if e, ok := want[i].(error); ok {
			wantError(t, string(paths[i]), err, e)
			return
		}
		must(t, err)
		content := make([]byte, file.Info().Size)
		_, err = file.ReadAt(content, 0)
		must(t, err)
		if string(content) != want[i] {
			t.Errorf("%q holds %q", paths[i], content)
		}
		if now, err := file.Stat(); err != nil || now != file.Info() {
			t.Errorf("%q was opened as %+v and is %+v, %v", paths[i], file.Info(), now, err)
		}
		must(t, file.Close())
	}
	for visited < len(paths) {
		n := 0
		s.OpenEach(paths[visited:], func(i int, file storage.File, err error) bool {
			if i != n {
				t.Errorf("number %d came as number %d", i, n)
			}
			n++
			visit(i, file, err)
			return true
		})
		if visited += n; n == 0 {
			t.Fatalf("none came, of %q", paths[visited:])
		}
	}
}

func openEachUntil(t *testing.T, s storage.Storage) {
	Put(t, s, "f", "content")
	visited := 0
	s.OpenEach([]storage.Path{"f", "none", "f", "f"}, func(_ int, file storage.File, err error) bool {
		visited++
		if err == nil {
			must(t, file.Close())
		}
		return visited < 2
	})
	if visited > 2 {
		t.Errorf("%d came, where the second was the last one that was wanted", visited)
	}
}

func storeEach(t *testing.T, s storage.Storage) {
	mtime := time.Unix(1_600_000_000, 123_456_789)
	var files []storage.Whole
	for i := range 20 {
		files = append(files, storage.Whole{
			Path: storage.Path(fmt.Sprintf("d%d/e/f%d", i%3, i)), Content: []byte(fmt.Sprint("content ", i)),
			CreateOptions: storage.CreateOptions{Parents: true, Size: int64(len(fmt.Sprint("content ", i)))},
			Attributes:    storage.Attributes{Mode: 0o640, Mtime: mtime},
		})
	}
	files = append(files, storage.Whole{Path: "empty"}, storage.Whole{Path: "twice", Content: []byte("first")}, storage.Whole{Path: "twice", Content: []byte("second")})
	for i, stored := range s.StoreEach(files) {
		f := &files[i]
		if stored.Err != nil {
			t.Errorf("%q: %v", f.Path, stored.Err)
			continue
		}
		if f.Path == "twice" {
			continue
		}
		if got := Get(t, s, f.Path); got != string(f.Content) {
			t.Errorf("%q holds %q", f.Path, got)
		}
		now, err := s.Stat(f.Path, false)
		if err != nil || now != stored.Info {
			t.Errorf("%q was stored as %+v and is %+v, %v", f.Path, stored.Info, now, err)
		}
		if f.Mode != 0 && (now.Mode != f.Mode || !now.Mtime.Equal(mtime)) {
			t.Errorf("%q has mode %o and time %v", f.Path, now.Mode, now.Mtime)
		}
	}
	if got := Get(t, s, "twice"); got != "second" {
		t.Errorf("of two, %q was kept", got)
	}
	if n := len(Names(t, s, storage.Root, true)); n != 20+6+2 {
		t.Errorf("the tree holds %d entries", n)
	}
}

// storeEachFails has files that cannot be stored among others: nothing is left of
// them, nor of the directories that were made for them alone.
func storeEachFails(t *testing.T, s storage.Storage) {
	old := Put(t, s, "old", "old")
	must(t, s.Mkdir("dir", 0, false))
	whole := func(path storage.Path, options storage.CreateOptions) storage.Whole {
		return storage.Whole{Path: path, Content: []byte("new"), CreateOptions: options}
	}
	cases := []struct {
		file storage.Whole
		want error
	}{
		{whole("good", storage.CreateOptions{}), nil},
		{whole("old", storage.CreateOptions{CreateOnly: true}), fs.ErrExist},
		{whole("old", storage.CreateOptions{IfMatch: old.ETag + 1}), storage.ErrChanged},
		{whole("fresh/f", storage.CreateOptions{IfMatch: 1, Parents: true}), storage.ErrChanged},
		{whole("none/f", storage.CreateOptions{}), fs.ErrNotExist},
		{whole("dir", storage.CreateOptions{}), storage.ErrIsDirectory},
		{whole(storage.Root, storage.CreateOptions{}), storage.ErrIsDirectory},
		{whole("old/f", storage.CreateOptions{Parents: true}), storage.ErrNotDirectory},
		{whole("once", storage.CreateOptions{CreateOnly: true}), nil},
		{whole("once", storage.CreateOptions{CreateOnly: true}), fs.ErrExist},
	}
	var files []storage.Whole
	for _, c := range cases {
		files = append(files, c.file)
	}
	for i, stored := range s.StoreEach(files) {
		if c := cases[i]; c.want != nil {
			wantError(t, string(c.file.Path), stored.Err, c.want)
		} else if stored.Err != nil {
			t.Errorf("%q: %v", c.file.Path, stored.Err)
		}
	}
	wantNames(t, s, "dir", "good", "old", "once")
	if got := Get(t, s, "old"); got != "old" {
		t.Errorf("a file that was not to be replaced holds %q", got)
	}
}

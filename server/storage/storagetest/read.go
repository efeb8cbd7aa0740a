package storagetest

import (
	"io"
	"io/fs"
	"strings"
	"testing"
	"time"

	"ftpd/server/storage"

	"github.com/google/go-cmp/cmp"
)

var readTests = map[string]func(*testing.T, storage.Storage){
	"digests are known":     digestsAreKnown,
	"stat file":             statFile,
	"stat directory":        statDirectory,
	"stat missing":          statMissing,
	"read":                  read,
	"read what is no file":  readNoFile,
	"an open file is kept":  openFileIsKept,
	"odd names":             oddNames,
	"etag kept by reading":  etagKeptByReading,
	"etag after a change":   etagAfterChange,
	"etag of equal content": etagOfEqualContent,
}

func statFile(t *testing.T, s storage.Storage) {
	Put(t, s, "f", "content")
	info, err := s.Stat("f", true)
	must(t, err)
	if info.Kind != storage.Regular || info.Size != 7 || info.ETag == 0 || info.Mtime.IsZero() || info.Mode == 0 {
		t.Errorf("Stat = %+v", info)
	}
	unfollowed, err := s.Stat("f", false)
	must(t, err)
	if diff := cmp.Diff(info, unfollowed); diff != "" {
		t.Errorf("with and without following:\n%s", diff)
	}
}

func statDirectory(t *testing.T, s storage.Storage) {
	must(t, s.Mkdir("d", 0, false))
	for _, path := range []storage.Path{storage.Root, "d"} {
		info, err := s.Stat(path, true)
		must(t, err)
		if info.Kind != storage.Directory || info.Size != 0 || info.Mode == 0 {
			t.Errorf("Stat(%q) = %+v", path, info)
		}
	}
}

func statMissing(t *testing.T, s storage.Storage) {
	Put(t, s, "f", "")
	for _, follow := range []bool{false, true} {
		_, err := s.Stat("missing", follow)
		wantError(t, "missing", err, fs.ErrNotExist)
		_, err = s.Stat("missing/x", follow)
		wantError(t, "below what is missing", err, fs.ErrNotExist)
		_, err = s.Stat("f/x", follow)
		wantError(t, "below a file", err, storage.ErrNotDirectory)
	}
}

func read(t *testing.T, s storage.Storage) {
	Put(t, s, "f", "0123456789")
	f, err := s.Open("f")
	must(t, err)
	for _, test := range []struct {
		offset int64
		length int
		want   string
		err    error
	}{
		{0, 4, "0123", nil}, {6, 4, "6789", nil}, {8, 4, "89", io.EOF}, {10, 1, "", io.EOF}, {1 << 40, 1, "", io.EOF}, {3, 0, "", nil},
	} {
		p := make([]byte, test.length)
		n, err := f.ReadAt(p, test.offset)
		// A reader may say io.EOF with the last byte already.
		if string(p[:n]) != test.want || err != test.err && !(err == io.EOF && n == test.length) {
			t.Errorf("ReadAt(%d bytes, %d) = %q, %v", test.length, test.offset, p[:n], err)
		}
	}
	must(t, f.Close())
	if _, err := f.ReadAt(make([]byte, 1), 0); err == nil {
		t.Error("ReadAt works after Close")
	}
}

func readNoFile(t *testing.T, s storage.Storage) {
	must(t, s.Mkdir("d", 0, false))
	Put(t, s, "f", "")
	_, err := s.Open("d")
	wantError(t, "directory", err, storage.ErrIsDirectory)
	_, err = s.Open(storage.Root)
	wantError(t, "root", err, storage.ErrIsDirectory)
	_, err = s.Open("missing")
	wantError(t, "missing", err, fs.ErrNotExist)
	_, err = s.Open("f/x")
	wantError(t, "below a file", err, storage.ErrNotDirectory)
}

func openFileIsKept(t *testing.T, s storage.Storage) {
	before := Put(t, s, "f", "old")
	f, err := s.Open("f")
	must(t, err)
	defer f.Close()
	Put(t, s, "f", "new and longer")
	p := make([]byte, 3)
	if _, err := f.ReadAt(p, 0); err != nil && err != io.EOF || string(p) != "old" {
		t.Errorf("the open file reads %q, %v after it was replaced", p, err)
	}
	for _, replaced := range []bool{true, false} {
		if !replaced {
			_, err := s.Remove(t.Context(), "f", false)
			must(t, err)
		}
		if info, err := f.Stat(); err != nil || info.Size != before.Size || info.ETag != before.ETag {
			t.Errorf("the open file's Stat = %+v, %v; it was opened as %+v", info, err, before)
		}
	}
}

func oddNames(t *testing.T, s storage.Storage) {
	for _, name := range []string{
		"with space", " ", "line\nbreak", "tab\tand\x1b[31mescape", "-rf", "--", "*", "\\", "\"quotes'", ".hidden", "...",
		"ümläut", "e\u0301", "日本", strings.Repeat("n", 255),
	} {
		path, err := storage.ParsePath("d/" + name)
		must(t, err)
		Put(t, s, path, name)
		if got := Get(t, s, path); got != name {
			t.Errorf("%q holds %q", path, got)
		}
		if _, listed := Walk(t, s, "d", false)[name]; !listed {
			t.Errorf("%q is not listed", name)
		}
	}
}

func etagKeptByReading(t *testing.T, s storage.Storage) {
	committed := Put(t, s, "f", "content")
	for range 2 {
		Get(t, s, "f")
		info, err := s.Stat("f", true)
		must(t, err)
		if diff := cmp.Diff(committed, info); diff != "" {
			t.Errorf("Stat is not what Commit returned:\n%s", diff)
		}
		f, err := s.Open("f")
		must(t, err)
		opened, err := f.Stat()
		must(t, err)
		must(t, f.Close())
		if diff := cmp.Diff(committed, opened); diff != "" {
			t.Errorf("File.Stat is not what Commit returned:\n%s", diff)
		}
		if diff := cmp.Diff(committed, Walk(t, s, storage.Root, false)["f"].Info); diff != "" {
			t.Errorf("the listing is not what Commit returned:\n%s", diff)
		}
	}
}

func etagAfterChange(t *testing.T, s storage.Storage) {
	seen := map[uint64]string{}
	for _, content := range []string{"a", "longer", "shorter", "b", "c"} {
		tag := Put(t, s, "f", content).ETag
		if earlier, again := seen[tag]; again || tag == 0 {
			t.Errorf("%q has the ETag %x of %q", content, tag, earlier)
		}
		seen[tag] = content
	}
}

func etagOfEqualContent(t *testing.T, s storage.Storage) {
	if Put(t, s, "a", "same").ETag == Put(t, s, "b", "same").ETag {
		t.Error("two files share an ETag")
	}
}

// digestsAreKnown holds a storage to what Recall may say: what it was told of this
// version of the file, or nothing, for it need not remember.
func digestsAreKnown(t *testing.T, s storage.Storage) {
	want := storage.Digest{7}
	old := time.Now().Add(-time.Hour)
	st := Stage(t, s, "f", "content", storage.CreateOptions{})
	must(t, st.Mark(0, want))
	_, err := st.Commit(storage.Attributes{Mtime: old})
	must(t, err)
	recall := func(block int64) (storage.Digest, bool) {
		t.Helper()
		f, err := s.Open("f")
		must(t, err)
		defer f.Close()
		return f.Recall(block)
	}
	if got, ok := recall(0); ok && got != want {
		t.Errorf("%x is known, and not %x", got, want)
	}
	if got, ok := recall(1); ok {
		t.Errorf("%x is known of a block that is not there", got)
	}
	_, err = Stage(t, s, "f", "another", storage.CreateOptions{}).Commit(storage.Attributes{Mtime: old})
	must(t, err)
	if got, ok := recall(0); ok {
		t.Errorf("%x is known of another version", got)
	}
	f, err := s.Open("f")
	must(t, err)
	f.Remember(0, want)
	f.Remember(0, storage.Digest{8})
	if got, ok := f.Recall(0); ok {
		t.Errorf("%x is known, though there were two", got)
	}
	must(t, f.Close())
}

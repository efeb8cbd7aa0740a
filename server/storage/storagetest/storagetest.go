// Package storagetest holds every storage to what package storage promises.
// A store's own tests call Run; what only that store does, such as links or a
// full disk, they test themselves.
package storagetest

import (
	"bytes"
	"errors"
	"io"
	"maps"
	"slices"
	"testing"

	"ftpd/server/storage"
)

// Opener returns an empty storage for one test. The suite closes it.
type Opener func(t *testing.T) storage.Storage

// Run tests the storages that open returns.
func Run(t *testing.T, open Opener) {
	for _, group := range []map[string]func(*testing.T, storage.Storage){
		readTests, listTests, stagingTests, conditionTests, changeTests, resumeTests, sharedTests, severalTests,
	} {
		for _, name := range slices.Sorted(maps.Keys(group)) {
			t.Run(name, func(t *testing.T) {
				s := open(t)
				group[name](t, s)
				if err := s.Close(); err != nil {
					t.Errorf("Close: %v", err)
				}
			})
		}
	}
}

// Put stores content under path, making parents, and returns what it is then.
func Put(t *testing.T, s storage.Storage, path storage.Path, content string) storage.Info {
	t.Helper()
	st := Stage(t, s, path, content, storage.CreateOptions{Parents: true, Size: int64(len(content))})
	info, err := st.Commit(storage.Attributes{})
	if err != nil {
		t.Fatalf("Commit(%q): %v", path, err)
	}
	return info
}

// Stage begins a file and writes content to it.
func Stage(t *testing.T, s storage.Storage, path storage.Path, content string, options storage.CreateOptions) storage.Staging {
	t.Helper()
	st, err := s.Create(path, options)
	if err != nil {
		t.Fatalf("Create(%q): %v", path, err)
	}
	if n, err := st.WriteAt([]byte(content), 0); n != len(content) || err != nil {
		t.Fatalf("WriteAt(%q) = %d, %v", path, n, err)
	}
	return st
}

// Get returns the content of the file at path.
func Get(t *testing.T, s storage.Storage, path storage.Path) string {
	t.Helper()
	content, err := Read(s, path)
	if err != nil {
		t.Fatalf("read %q: %v", path, err)
	}
	return content
}

// Read is Get for where an error may be right, and for other goroutines.
func Read(s storage.Storage, path storage.Path) (string, error) {
	f, err := s.Open(path)
	if err != nil {
		return "", err
	}
	defer f.Close()
	var content bytes.Buffer
	_, err = content.ReadFrom(io.NewSectionReader(f, 0, 1<<40))
	return content.String(), err
}

// Walk returns the entries below path by their paths. An entry that comes
// twice, or before its directory's, fails the test.
func Walk(t *testing.T, s storage.Storage, path storage.Path, recursive bool) map[string]storage.Entry {
	t.Helper()
	l, err := s.List(path, recursive)
	if err != nil {
		t.Fatalf("List(%q): %v", path, err)
	}
	defer l.Close()
	entries := map[string]storage.Entry{}
	for {
		entry, err := l.Next()
		if err == io.EOF {
			return entries
		}
		if err != nil {
			t.Fatalf("Next: %v", err)
		}
		if _, twice := entries[entry.Path]; twice {
			t.Errorf("the entry %q comes twice", entry.Path)
		}
		if dir := storage.Path(entry.Path).Dir(); dir != storage.Root {
			if _, before := entries[string(dir)]; !before {
				t.Errorf("the entry %q comes before that of its directory", entry.Path)
			}
		}
		entries[entry.Path] = entry
	}
}

// Names returns the sorted paths that Walk finds.
func Names(t *testing.T, s storage.Storage, path storage.Path, recursive bool) []string {
	t.Helper()
	return slices.Sorted(maps.Keys(Walk(t, s, path, recursive)))
}

// wantError fails the test unless err wraps want.
func wantError(t *testing.T, what string, err, want error) {
	t.Helper()
	if !errors.Is(err, want) {
		t.Errorf("%s: %v; want %v", what, err, want)
	}
}

// wantNames fails the test unless the whole tree has just these paths.
func wantNames(t *testing.T, s storage.Storage, want ...string) {
	t.Helper()
	if got := Names(t, s, storage.Root, true); !slices.Equal(got, want) {
		t.Errorf("the tree holds %q, want %q", got, want)
	}
}

// must fails the test at once on an error.
func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

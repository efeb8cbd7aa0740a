package main

import (
	"errors"
	"path"
	"testing"
)

// The rules are those of cp -r, and -d always is a directory.
func TestTarget(t *testing.T) {
	errReplace := errors.New("is not a directory")
	tests := []struct {
		name   string
		place  place
		source string
		tree   bool
		there  occupant
		want   string
		fails  string
	}{
		{name: "file", source: "a", want: "a"},
		{name: "file as another", place: place{path: "b"}, source: "a", want: "b"},
		{name: "file as a directory", place: place{path: "b/"}, source: "a", fails: "b/ names a directory, not a file"},
		{name: "file into", place: place{into: true, dir: "d"}, source: "a", want: "d/a"},
		{name: "file into here", place: place{into: true}, source: "a", want: "a"},
		{name: "tree", place: place{recursive: true}, source: "t", tree: true, want: "t"},
		{name: "tree as a new one", place: place{recursive: true, path: "n"}, source: "t", tree: true, want: "n"},
		{
			name:  "tree where a directory is",
			place: place{recursive: true, path: "n"}, source: "t", tree: true, there: directory, want: "n/t",
		},
		{
			name:  "tree where a file is",
			place: place{recursive: true, path: "n"}, source: "t", tree: true, there: other, fails: "n: is not a directory",
		},
		{name: "tree into", place: place{recursive: true, into: true, dir: "d"}, source: "t", tree: true, want: "d/t"},
		{name: "root", place: place{recursive: true}, tree: true, want: "."},
		{
			name:  "root where a directory is",
			place: place{recursive: true, path: "n"}, tree: true, there: directory, want: "n",
		},
		{
			name:  "file with -r where a directory is",
			place: place{recursive: true, path: "n"}, source: "a", there: directory, want: "n/a",
		},
		{name: "file with -r where a file is", place: place{recursive: true, path: "n"}, source: "a", there: other, want: "n"},
		{
			name:  "file with -r as a missing directory",
			place: place{recursive: true, path: "n/"}, source: "a", fails: "n/ names a directory, not a file",
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s := side{
				look:         func(string) (occupant, error) { return tt.there, nil },
				join:         func(dir, name string) string { return path.Join(dir, name) },
				spell:        func(path string) string { return path },
				notDirectory: errReplace,
			}
			got, err := tt.place.target(tt.source, tt.tree, s)
			if text(err) != tt.fails || err == nil && got != tt.want {
				t.Errorf("%q, %v, want %q, %q", got, err, tt.want, tt.fails)
			}
		})
	}
}

func TestSplitArguments(t *testing.T) {
	if sources, last, err := splitArguments([]string{"a", "b"}, false); len(sources) != 1 || last != "b" || err != nil {
		t.Error("two arguments are a source and a destination")
	}
	if sources, _, err := splitArguments([]string{"a", "b", "c"}, true); len(sources) != 3 || err != nil {
		t.Error("with -d all arguments are sources")
	}
	if _, _, err := splitArguments([]string{"a", "b", "c"}, false); statusOf(err) != statusUsage {
		t.Error("three arguments need -d")
	}
}

func TestTrimLocal(t *testing.T) {
	dir := t.TempDir()
	t.Chdir(dir)
	tests := map[string]string{"a": "a", "x/a": "a", "a/": "a", ".": "", "/": "", "a..": "a..", "../": path.Base(path.Dir(dir))}
	for in, want := range tests {
		if got, err := trimLocal(in); got != want || err != nil {
			t.Errorf("trimLocal(%q) = %q, %v, want %q", in, got, err, want)
		}
	}
}

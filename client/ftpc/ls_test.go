package main

import (
	"errors"
	"io/fs"
	"slices"
	"testing"

	"ftpd/client"
)

func TestComparePaths(t *testing.T) {
	want := []string{"a", "a/b", "a/b/c", "a/b-c", "a-b", "a.b", "ab", "b"}
	for _, shuffled := range [][]string{
		{"b", "ab", "a.b", "a-b", "a/b-c", "a/b/c", "a/b", "a"},
		{"a.b", "a/b", "b", "a", "a/b/c", "ab", "a-b", "a/b-c"},
	} {
		slices.SortFunc(shuffled, comparePaths)
		if !slices.Equal(shuffled, want) {
			t.Errorf("%q", shuffled)
		}
	}
}

func TestModeText(t *testing.T) {
	tests := []struct {
		kind client.Kind
		mode fs.FileMode
		want string
	}{
		{client.File, 0o644, "-rw-r--r--"},
		{client.Directory, 0o750, "drwxr-x---"},
		{client.Symlink, 0o777, "lrwxrwxrwx"},
		{client.Special, 0, "?---------"},
	}
	for _, tt := range tests {
		if got := modeText(client.Info{Kind: tt.kind, Mode: tt.mode}); got != tt.want {
			t.Errorf("%s, want %s", got, tt.want)
		}
	}
}

// A listing without end ends where ls would hold too much.
func TestListingWithoutEnd(t *testing.T) {
	l := &listing{held: lsMost - 1000}
	for range 100 {
		err := l.add(client.Entry{Path: "some/name"})
		switch {
		case errors.Is(err, errTooMany) && len(l.entries) > 1:
			if got := statusOf(failed("d", err)); got != statusOther {
				t.Errorf("status %d", got)
			}
			return
		case err != nil:
			t.Fatal(err)
		}
	}
	t.Error("it goes on for ever")
}

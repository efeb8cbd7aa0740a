package client

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// directoriesOf lists the directories of a local tree, but for the server's own.
func directoriesOf(t *testing.T, root string) []string {
	t.Helper()
	var all []string
	err := filepath.WalkDir(root, func(p string, d fs.DirEntry, err error) error {
		switch {
		case err != nil || !d.IsDir() || p == root:
			return err
		case strings.HasPrefix(d.Name(), reserved):
			return fs.SkipDir
		}
		all = append(all, strings.TrimPrefix(p, root+"/"))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(all)
	return all
}

// A tree that the served directory lies in, and one that is put into itself,
// do not grow without end.
func TestPutTreeIntoItself(t *testing.T) {
	for _, test := range []struct {
		name, local, remote string
		want                []string
	}{
		{"the served directory inside", "", ".", []string{"a", "a/b", "share", "share/a", "share/a/b", "share/a2", "share/a2/c", "share/share", "share/share/a2", "share/share/a2/c"}},
		{"a directory into itself", "share", "a2/c/d", []string{"a", "a/b", "share", "share/a2", "share/a2/c", "share/a2/c/d", "share/a2/c/d/a2", "share/a2/c/d/a2/c"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			top := t.TempDir()
			for _, dir := range []string{"a/b", "share/a2/c"} {
				if err := os.MkdirAll(filepath.Join(top, dir), 0o755); err != nil {
					t.Fatal(err)
				}
			}
			if err := os.WriteFile(filepath.Join(top, "share", "a2", "file"), []byte("x"), 0o600); err != nil {
				t.Fatal(err)
			}
			d := serveDir(t, filepath.Join(top, "share"))
			c := connect(t, d.address, nil)
			if _, err := c.PutTree(limit(t), filepath.Join(top, test.local), test.remote, nil); err != nil {
				t.Error(err)
			}
			if diff := cmp.Diff(test.want, directoriesOf(t, top)); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// Names that a server keeps for itself are skipped, not tried.
func TestPutTreeSkipsReservedNames(t *testing.T) {
	source := t.TempDir()
	for _, dir := range []string{".ftpd-staging/x", "kept/.ftpd-1"} {
		if err := os.MkdirAll(filepath.Join(source, dir), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, file := range []string{".ftpd-staging/x/f", ".ftpd-file", "kept/file"} {
		if err := os.WriteFile(filepath.Join(source, file), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := connect(t, serve(t).address, nil)
	var skipped []string
	o := &TransferOptions{OnFile: func(e FileEvent) {
		if e.Skipped != "" {
			skipped = append(skipped, e.Remote+" "+e.Skipped)
		}
	}}
	summary, err := c.PutTree(limit(t), source, "copy", o)
	if err != nil || summary.Files != 1 || summary.Skipped != 3 || summary.Directories != 1 {
		t.Errorf("%+v, %v", summary, err)
	}
	slices.Sort(skipped)
	want := []string{"copy/.ftpd-file reserved name", "copy/.ftpd-staging reserved name", "copy/kept/.ftpd-1 reserved name"}
	if diff := cmp.Diff(want, skipped); diff != "" {
		t.Error(diff)
	}
}

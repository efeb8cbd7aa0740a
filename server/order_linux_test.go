package server

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"ftpd/client"
)

// putSizes are those of a file that one job stores, of one that is staged, and of one
// that could be gone on with.
var putSizes = []int{1000, 100_000, 700_000}

// putSized stores a file of each size, from memory and from a file.
func putSized(t *testing.T, c *client.Client) map[string]int64 {
	t.Helper()
	stored := map[string]int64{}
	for _, size := range putSizes {
		content := strings.Repeat("x", size)
		put(t, c, fmt.Sprint("memory", size), content)
		stored[fmt.Sprint("memory", size)] = int64(size)
		local := filepath.Join(t.TempDir(), "local")
		if err := os.WriteFile(local, []byte(content+"y"), 0o600); err != nil {
			t.Fatal(err)
		}
		if _, err := c.PutFile(t.Context(), local, fmt.Sprint("file", size), nil); err != nil {
			t.Fatal(err)
		}
		stored[fmt.Sprint("file", size)] = int64(size) + 1
	}
	return stored
}

// OK leaves when the file is on the disk and its name too: all is written, then synced,
// then renamed, then the directory is synced.
func TestOrderOfACommit(t *testing.T) {
	needsPlain(t)
	d := run(t, t.TempDir())
	c := dial(t, d.address)
	if !c.Server().Durable {
		t.Error("WELCOME does not say that uploads are durable")
	}
	calls := d.trace()
	stored := putSized(t, c)
	seen := calls()
	for path, size := range stored {
		commit, err := findCommit(d.root, path, size, seen)
		if err == nil {
			err = commit.checkSyncs(seen)
		}
		if err != nil {
			t.Error(err)
		}
	}
}

// So it is with the directories that a PUT makes: OK is behind a sync of the names of
// all of them.
func TestOrderOfNewDirectories(t *testing.T) {
	needsPlain(t)
	d := run(t, t.TempDir())
	c := dial(t, d.address)
	put(t, c, "first", "has the staging directory made")
	calls := d.trace()
	put(t, c, "new/deep/file", "content")
	seen := calls()
	commit, err := findCommit(filepath.Join(d.root, "new/deep"), "file", int64(len("content")), seen)
	if err == nil {
		err = commit.checkSyncs(seen)
	}
	if err != nil {
		t.Error(err)
	}
	made := 0
	for _, mkdir := range seen {
		if mkdir.name != "mkdirat" || mkdir.result != 0 {
			continue
		}
		made++
		if !slices.ContainsFunc(seen, func(call systemCall) bool {
			return call.isSync() && call.covers(mkdir.paths[0]) && call.begin > mkdir.end && call.end < commit.told
		}) {
			t.Errorf("%q in %q was not synced before OK", mkdir.strings, mkdir.paths)
		}
	}
	if made != 2 {
		t.Errorf("%d directories were made", made)
	}
}

// Without durability nothing is synced at all, and WELCOME says so; the rest is as it
// was.
func TestOrderWithoutDurability(t *testing.T) {
	needsPlain(t)
	d := run(t, t.TempDir(), "--durability", "none")
	c := dial(t, d.address)
	if c.Server().Durable {
		t.Error("WELCOME says that uploads are durable")
	}
	calls := d.trace()
	stored := putSized(t, c)
	if err := c.Mkdir(t.Context(), "d", 0); err != nil {
		t.Fatal(err)
	}
	if err := c.Rename(t.Context(), "memory1000", "d/x", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := c.RemoveAll(t.Context(), "d"); err != nil {
		t.Fatal(err)
	}
	seen := calls()
	for path, size := range stored {
		if _, err := findCommit(d.root, path, size, seen); err != nil && path != "memory1000" {
			t.Error(err)
		}
	}
	for _, call := range seen {
		if call.isSync() {
			t.Errorf("a sync: %s of %q", call.name, call.paths)
		}
	}
}

// The disk begins with a large file before its sync; without durability it is not asked
// to. Nor is a new file truncated, which ext4 answers with a sync when it is closed.
func TestWriteBehind(t *testing.T) {
	local := filepath.Join(t.TempDir(), "local")
	if err := os.WriteFile(local, make([]byte, 40<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	for durability, want := range map[string]int{"commit": 2, "none": 0} {
		d := run(t, t.TempDir(), "--durability", durability)
		c := dial(t, d.address)
		calls := d.trace()
		if _, err := c.PutFile(t.Context(), local, "f", nil); err != nil {
			t.Fatal(err)
		}
		count := map[string]int{}
		for _, call := range calls() {
			count[call.name]++
		}
		if count["sync_file_range"] != want || count["ftruncate"] != 0 {
			t.Errorf("%s: the disk was told %d times to begin, want %d, and %d files were truncated", durability, count["sync_file_range"], want, count["ftruncate"])
		}
	}
}

// Commits at the same time share syncs: there are fewer than commits, and each OK is
// behind one of the content that began after its last write, and one of the names.
func TestOrderOfAGroupCommit(t *testing.T) {
	needsPlain(t)
	const commits = 64
	d := run(t, t.TempDir())
	c := dial(t, d.address)
	calls := d.trace("-e", "inject=fsync,syncfs:delay_enter=20000") // a disk that takes its time, in microseconds
	var group sync.WaitGroup
	for i := range commits {
		group.Go(func() { put(t, c, fmt.Sprint("f", i), strings.Repeat("x", 1000+i)) })
	}
	group.Wait()
	seen := calls()
	syncs := 0
	for _, call := range seen {
		if call.isSync() {
			syncs++
		}
	}
	if syncs == 0 || syncs >= commits {
		t.Errorf("%d commits took %d syncs", commits, syncs)
	}
	t.Logf("%d commits took %d syncs", commits, syncs)
	for i := range commits {
		commit, err := findCommit(d.root, fmt.Sprint("f", i), int64(1000+i), seen)
		if err == nil {
			err = commit.checkSyncs(seen)
		}
		if err != nil {
			t.Error(err)
		}
	}
}

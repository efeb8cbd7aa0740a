package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"ftpd/protocol"
)

// snapshot describes a local tree: a line for each entry.
func snapshot(t *testing.T, dir string, times bool) []string {
	t.Helper()
	var lines []string
	err := filepath.WalkDir(dir, func(p string, d fs.DirEntry, err error) error {
		if err != nil || p == dir {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		line := fmt.Sprintf("%s %v", strings.TrimPrefix(p, dir), info.Mode())
		if info.Mode().IsRegular() {
			content, err := os.ReadFile(p)
			if err != nil {
				return err
			}
			line += fmt.Sprintf(" %s %d", protocol.BlockDigest(content), info.ModTime().UnixNano())
		} else if times {
			line += fmt.Sprint(" ", info.ModTime().UnixNano())
		}
		lines = append(lines, line)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return lines
}

// plant makes a tree with everything that a tree can hold.
func plant(t *testing.T, dir string, odd bool) {
	t.Helper()
	for _, d := range []string{"empty", "deep/er/and/deeper", "read-only", "many"} {
		if err := os.MkdirAll(filepath.Join(dir, d), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for i, size := range sizes {
		for _, d := range []string{"", "deep/er", "deep/er/and/deeper", "read-only"} {
			name := filepath.Join(dir, d, fmt.Sprintf("f\x01 %d\n", i))
			if err := os.WriteFile(name, noise(size), 0o640); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i := range 100 {
		if err := os.WriteFile(filepath.Join(dir, "many", fmt.Sprint(i)), noise(i), 0o400); err != nil {
			t.Fatal(err)
		}
	}
	if odd {
		if err := os.Symlink("/etc/passwd", filepath.Join(dir, "link")); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink("..", filepath.Join(dir, "deep", "loop")); err != nil {
			t.Fatal(err)
		}
		makePipe(t, filepath.Join(dir, "fifo"))
	}
	old := time.Unix(1e9, 42)
	for _, d := range []string{"deep/er/and/deeper", "deep/er/and", "deep/er", "deep", "read-only", "many", "empty"} {
		if err := os.Chtimes(filepath.Join(dir, d), old, old); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(filepath.Join(dir, "read-only"), 0o555); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.Chmod(filepath.Join(dir, "read-only"), 0o755) })
}

// writable lets its owner replace what a directory holds, and remove it.
func writable(t *testing.T, dir string) {
	t.Helper()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Error(err)
	}
}

// A tree comes as it is: bytes, names, modes, times, empty directories; what
// is no file is skipped and told.
func TestGetTree(t *testing.T) {
	d := serve(t)
	remote := filepath.Join(d.root, "tree")
	plant(t, remote, true)
	c := connect(t, d.address, nil)
	local := filepath.Join(t.TempDir(), "copy")
	var skipped []string
	var progress counter
	var active, calls atomic.Int32
	summary, err := c.GetTree(limit(t), "tree", local, &TransferOptions{Progress: &progress, OnFile: func(e FileEvent) {
		if active.Add(1) != 1 {
			t.Error("OnFile is called concurrently")
		}
		defer active.Add(-1)
		calls.Add(1)
		if e.Skipped != "" {
			skipped = append(skipped, e.Remote+" "+e.Skipped)
		}
	}})
	if err != nil {
		t.Fatal(err)
	}
	slices.Sort(skipped)
	want := []string{"tree/deep/loop symlink", "tree/fifo special file", "tree/link symlink"}
	if diff := cmp.Diff(want, skipped); diff != "" {
		t.Errorf("skipped: %s", diff)
	}
	for _, odd := range []string{"link", "fifo", "deep/loop"} {
		if err := os.Remove(filepath.Join(remote, odd)); err != nil {
			t.Fatal(err)
		}
	}
	old := time.Unix(1e9, 42)
	_ = os.Chtimes(filepath.Join(remote, "deep"), old, old)
	if diff := cmp.Diff(snapshot(t, remote, true), snapshot(t, local, true)); diff != "" {
		t.Errorf("the copy differs: %s", diff)
	}
	files := int64(4*len(sizes) + 100)
	if summary.Files != files || summary.Skipped != 3 || summary.Directories != 7 || summary.Failed != 0 {
		t.Errorf("%+v", summary)
	}
	if progress.files != files || progress.done != files || progress.moved != summary.Bytes || progress.bytes != summary.Bytes {
		t.Errorf("%+v", progress)
	}
	if int64(calls.Load()) != files+3 {
		t.Errorf("OnFile was called %d times", calls.Load())
	}
	writable(t, filepath.Join(local, "read-only"))
	again, err := c.GetTree(limit(t), "tree", local, nil) // merges
	if err != nil || again.Files != files {
		t.Error(again, err)
	}
}

func TestPutTree(t *testing.T) {
	d := serve(t)
	source := t.TempDir()
	plant(t, source, true)
	c := connect(t, d.address, nil)
	for _, remote := range []string{"new/tree", "new/tree", "."} {
		summary, err := c.PutTree(limit(t), source, remote, nil)
		files := int64(4*len(sizes) + 100)
		if err != nil || summary.Files != files || summary.Skipped != 3 || summary.Directories != 7 {
			t.Fatal(summary, err)
		}
	}
	_ = os.RemoveAll(filepath.Join(d.root, "deep"))
	want := slices.DeleteFunc(snapshot(t, source, false), func(line string) bool {
		return strings.HasPrefix(line, "/link") || strings.HasPrefix(line, "/fifo") || strings.HasPrefix(line, "/deep/loop")
	})
	for i, line := range want { // its owner has to be able to fill it
		want[i] = strings.Replace(line, "/read-only dr-xr-xr-x", "/read-only drwxr-xr-x", 1)
	}
	if diff := cmp.Diff(want, snapshot(t, filepath.Join(d.root, "new", "tree"), false)); diff != "" {
		t.Errorf("the copy differs: %s", diff)
	}
}

// Failures of single files are counted, told and collected; the others come.
func TestTreeFailures(t *testing.T) {
	d := serve(t)
	if err := os.MkdirAll(filepath.Join(d.root, "tree", "dir"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(d.root, "tree", "inside"), 0o755); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"a", "b", "dir/c", "inside/d"} {
		if err := os.WriteFile(filepath.Join(d.root, "tree", name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	local, outside := t.TempDir(), t.TempDir()
	if err := os.Symlink(outside, filepath.Join(local, "dir")); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(local, "a"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(local, "other"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("other", filepath.Join(local, "inside")); err != nil {
		t.Fatal(err)
	}
	victim := filepath.Join(outside, "victim")
	if err := os.WriteFile(victim, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(victim, filepath.Join(local, "b")); err != nil {
		t.Fatal(err)
	}
	c := connect(t, d.address, nil)
	summary, err := c.GetTree(limit(t), "tree", local, nil)
	var failures *TreeError
	if !errors.As(err, &failures) || failures.Failed != 5 || len(failures.Errors) != 5 {
		t.Fatal(err)
	}
	for _, want := range []error{ErrSomeFailed, syscall.ENOTDIR, syscall.EISDIR} {
		if !errors.Is(err, want) {
			t.Errorf("%v does not match %v", err, want)
		}
	}
	if summary.Files != 1 || summary.Failed != 5 || summary.Directories != 0 {
		t.Errorf("%+v", summary)
	}
	if content, err := os.ReadFile(filepath.Join(local, "b")); err != nil || string(content) != "b" {
		t.Errorf("b is %q, %v", content, err)
	}
	if content, err := os.ReadFile(victim); err != nil || len(content) > 0 {
		t.Errorf("behind the link is %q now, %v", content, err)
	}
	if entries, _ := os.ReadDir(outside); len(entries) != 1 {
		t.Errorf("outside are %v", entries)
	}
	if entries, _ := os.ReadDir(filepath.Join(local, "other")); len(entries) != 0 {
		t.Errorf("behind the link inside are %v", entries)
	}
	noParts(t, local)
	if _, err := c.GetTree(limit(t), "tree/a", local, nil); !errors.Is(err, ErrNotDirectory) {
		t.Errorf("a tree of a file: %v", err)
	}
	if _, err := c.GetTree(limit(t), "missing", local, nil); !errors.Is(err, ErrNotFound) {
		t.Errorf("a tree of nothing: %v", err)
	}
	if _, err := c.PutTree(limit(t), filepath.Join(local, "b"), "x", nil); !errors.Is(err, syscall.ENOTDIR) {
		t.Errorf("a tree of a local file: %v", err)
	}
	if _, err := c.PutTree(limit(t), local, "tree/a", nil); !errors.Is(err, ErrNotDirectory) && !errors.Is(err, ErrExists) {
		t.Errorf("a tree in place of a file: %v", err)
	}
}

// Names that would leave the target are refused, each by itself.
func TestHostileNames(t *testing.T) {
	names := []string{
		"../evil", "/evil", "a/../../evil", "..", ".", "", "a//b", "a/./b", "nul\x00byte", "a/..", "good", "con\x07trol", strings.Repeat("x", 256),
	}
	c := withPeer(t, peerOptions{}, func(p *peer) {
		stat := p.expect(protocol.OpStat)
		p.send(stat.Request, protocol.Meta{Kind: protocol.Directory, Mode: 0o755})
		list := p.expect(protocol.OpList)
		var batch protocol.Entries
		for _, name := range names {
			batch.List = append(batch.List, protocol.Entry{Path: name, Meta: metaOfFile(nil)})
		}
		batch.List = append(batch.List,
			protocol.Entry{Path: "../dir", Meta: protocol.Meta{Kind: protocol.Directory}},
			protocol.Entry{Path: "locked", Code: protocol.Permission, Meta: protocol.Meta{Kind: protocol.Directory}})
		p.send(list.Request, batch)
		p.send(list.Request, protocol.OK{Count: uint64(len(batch.List))})
		h := newHonest(p, map[string][]byte{"t/good": nil, "t/con\x07trol": nil, "t/" + strings.Repeat("x", 256): nil})
		h.serve()
	})
	base := t.TempDir()
	local := filepath.Join(base, "local")
	summary, err := c.GetTree(limit(t), "t", local, nil)
	if failures, ok := errors.AsType[*TreeError](err); ok {
		refused := 0
		for _, failure := range failures.Errors {
			if e, ok := errors.AsType[*Error](failure); ok && e.Code == protocol.Invalid {
				refused++
				out := strings.HasPrefix(e.Path, "t//") || strings.Contains(e.Path, "..")
				if !strings.HasPrefix(e.Message, illegalName) || strings.Contains(e.Message, "lead out") != out {
					t.Errorf("%q: %s", e.Path, e.Message)
				}
			}
		}
		if refused != 11 {
			t.Errorf("%d names were refused, and not 11", refused)
		}
	}
	if summary.Files != 2 || summary.Failed != int64(len(names)) || !errors.Is(err, ErrInvalid) || !errors.Is(err, ErrPermission) {
		t.Errorf("%+v, %v", summary, err)
	}
	var got []string
	_ = filepath.WalkDir(base, func(p string, _ fs.DirEntry, err error) error {
		got = append(got, strings.TrimPrefix(p, base))
		return err
	})
	if diff := cmp.Diff([]string{"", "/local", "/local/con\x07trol", "/local/good"}, got); diff != "" {
		t.Error(diff)
	}
	for name, want := range map[string]bool{"a/b": true, `a\b`: false, "c:": false, "a:stream": false, "a": true, `..\x`: false} {
		if got := safeNames(name, true); got != want {
			t.Errorf("on windows %q is safe: %t", name, got)
		}
	}
}

// A tree whose context ends stops soon and leaves no part files.
func TestCancelTree(t *testing.T) {
	d := serve(t)
	source := t.TempDir()
	makeTree(t, source, 600, 4096, 100)
	if err := os.CopyFS(filepath.Join(d.root, "tree"), os.DirFS(source)); err != nil {
		t.Fatal(err)
	}
	c := connect(t, d.address, nil)
	local := t.TempDir()
	for _, way := range []string{"get", "put"} {
		ctx, cancel := context.WithCancel(limit(t))
		n := 0
		o := &TransferOptions{Workers: 64, OnFile: func(FileEvent) {
			if n++; n == 50 {
				cancel()
			}
		}}
		var summary Summary
		var err error
		if way == "get" {
			summary, err = c.GetTree(ctx, "tree", local, o)
		} else {
			summary, err = c.PutTree(ctx, source, "copy", o)
		}
		if !errors.Is(err, context.Canceled) || summary.Files > 300 {
			t.Errorf("%s: %+v, %v", way, summary, err)
		}
		noParts(t, local)
		if _, err := c.Stat(limit(t), "tree"); err != nil {
			t.Errorf("then: %v", err)
		}
	}
}

// Patterns match as in path.Match, and ** over components.
func TestGlob(t *testing.T) {
	d := serve(t)
	for _, name := range []string{"a.go", "b.go", "c.txt", "x/a.go", "x/y/b.go", "x/y/z/c.go", "[odd]/d.go", ".hidden"} {
		name = filepath.Join(d.root, name)
		if err := os.MkdirAll(filepath.Dir(name), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(name, nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := connect(t, d.address, nil)
	for pattern, want := range map[string][]string{
		"*.go":         {"a.go", "b.go"},
		"a.go":         {"a.go"},
		"./x//a.go":    {"x/a.go"},
		"nothing*":     nil,
		"missing/*":    nil,
		"missing":      nil,
		"a.go/*":       nil,
		"[ab].go":      {"a.go", "b.go"},
		"[!a].go":      {"b.go"},
		"[^a].go":      {"b.go"},
		"[!]a].go":     {"b.go"},
		"**/[!ab].go":  {"[odd]/d.go", "x/y/z/c.go"},
		"?.txt":        {"c.txt"},
		"x/*":          {"x/a.go", "x/y"},
		"*/*.go":       {"[odd]/d.go", "x/a.go"},
		"*/y/*.go":     {"x/y/b.go"},
		"**/*.go":      {"[odd]/d.go", "a.go", "b.go", "x/a.go", "x/y/b.go", "x/y/z/c.go"},
		"x/**/c.go":    {"x/y/z/c.go"},
		"x/**":         {"x/a.go", "x/y", "x/y/b.go", "x/y/z", "x/y/z/c.go"},
		"**/y/**/*.go": {"x/y/b.go", "x/y/z/c.go"},
		`\[odd\]/*`:    {"[odd]/d.go"},
		"[.]hidden":    {".hidden"},
	} {
		var got []string
		for e, err := range c.Glob(limit(t), pattern) {
			if err != nil || e.Kind != File && e.Kind != Directory {
				t.Errorf("%s: %+v, %v", pattern, e, err)
			}
			got = append(got, e.Path)
		}
		slices.Sort(got)
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("%s: %s", pattern, diff)
		}
	}
	for _, pattern := range []string{"[", "", "a/[z-", "/"} {
		var last error
		for _, err := range c.Glob(limit(t), pattern) {
			last = err
		}
		if !errors.Is(last, path.ErrBadPattern) || !errors.Is(last, ErrInvalid) {
			t.Errorf("%q: %v", pattern, last)
		}
	}
	for _, err := range c.Glob(limit(t), "**") {
		if err != nil {
			t.Error(err)
		}
		break
	}
	waitFor(t, func() bool { return only(c).open.Load() == 0 })
}

// A hundred goroutines share one client.
func TestConcurrent(t *testing.T) {
	d := serve(t)
	c := connect(t, d.address, nil)
	ctx := limit(t)
	dir := t.TempDir()
	var group sync.WaitGroup
	for i := range 100 {
		group.Go(func() {
			name := fmt.Sprintf("w%d/f", i)
			content := noise(i * 9000)
			check := func(err error) {
				if err != nil {
					t.Errorf("%d: %v", i, err)
				}
			}
			_, err := c.Put(ctx, name, bytes.NewReader(content), nil)
			check(err)
			info, err := c.Stat(ctx, name)
			check(err)
			if info.Size != int64(len(content)) {
				t.Errorf("%d: %d bytes", i, info.Size)
			}
			cancelled, cancel := context.WithCancel(ctx)
			_, _ = c.Get(cancelled, name, writerFunc(func(b []byte) (int, error) { cancel(); return len(b), nil }), nil)
			cancel()
			check(c.Rename(ctx, name, name+"2", nil))
			local := filepath.Join(dir, fmt.Sprint(i))
			_, err = c.GetFile(ctx, name+"2", local, nil)
			check(err)
			if back, err := os.ReadFile(local); err != nil || !bytes.Equal(back, content) {
				t.Errorf("%d: %d bytes came back, %v", i, len(back), err)
			}
			_, err = c.Ping(ctx)
			check(err)
			n := 0
			for _, err := range c.List(ctx, fmt.Sprintf("w%d", i), ListOptions{}) {
				check(err)
				n++
			}
			sum, err := c.Sum(ctx, name+"2")
			check(err)
			if n != 1 || sum.Digest != treeOf(content) {
				t.Errorf("%d: %d entries, digest %v", i, n, sum.Digest)
			}
			check(c.Mkdir(ctx, fmt.Sprintf("w%d/d", i), 0o700))
			check(c.MkdirAll(ctx, fmt.Sprintf("w%d/d/e/f", i), 0))
			if err := c.Remove(ctx, fmt.Sprintf("w%d", i)); !errors.Is(err, ErrNotEmpty) {
				t.Errorf("%d: %v", i, err)
			}
			if n, err := c.RemoveAll(ctx, fmt.Sprintf("w%d", i)); err != nil || n != 5 {
				t.Errorf("%d: removed %d, %v", i, n, err)
			}
		})
	}
	group.Wait()
	if entries, err := os.ReadDir(d.root); err != nil || len(entries) > 1 { // the server's own may be there
		t.Errorf("left are %v, %v", entries, err)
	}
}

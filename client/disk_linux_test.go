package client

import (
	"bytes"
	"errors"
	"os"
	"path/filepath"
	"runtime/debug"
	"syscall"
	"testing"
)

// A full local disk is a local failure. What came of a single file stays, so
// that it can be gone on with; in a tree it gives room to the others.
func TestFullDisk(t *testing.T) {
	dir := t.TempDir()
	if err := syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=1m"); err != nil {
		t.Skipf("a small file system cannot be mounted here: %v", err)
	}
	t.Cleanup(func() {
		if err := syscall.Unmount(dir, 0); err != nil {
			t.Error(err)
		}
	})
	d := serve(t)
	for name, size := range map[string]int{"big": 4 << 20, "small": 1000} {
		if err := os.WriteFile(filepath.Join(d.root, name), make([]byte, size), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	c := connect(t, d.address, nil)
	_, file := c.GetFile(limit(t), "big", filepath.Join(dir, "big"), nil)
	var resumable *ResumableError
	if !errors.As(file, &resumable) || resumable.Part != filepath.Join(dir, ".big.ftpc-part") {
		t.Fatalf("%v", file)
	}
	if info, err := os.Stat(resumable.Part); err != nil || info.Size() < resumable.Size {
		t.Errorf("of %d bytes there are %v, %v", resumable.Size, info, err)
	}
	for _, name := range []string{".big.ftpc-part", ".big.ftpc-journal"} {
		if err := os.Remove(filepath.Join(dir, name)); err != nil {
			t.Error(err)
		}
	}
	_, tree := c.GetTree(limit(t), ".", filepath.Join(dir, "tree"), nil)
	for _, err := range []error{file, tree} {
		var local *LocalError
		if !errors.Is(err, syscall.ENOSPC) || !errors.As(err, &local) || errors.Is(err, ErrNoSpace) {
			t.Errorf("%v", err)
		}
	}
	if !errors.Is(tree, ErrSomeFailed) {
		t.Errorf("%v", tree)
	}
	noParts(t, dir)
	if _, err := os.Stat(filepath.Join(dir, "tree", "small")); err != nil {
		t.Errorf("what fits did not come: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "big")); err == nil {
		t.Error("what does not fit has its name")
	}
}

// A file that claims to be empty and is not, as those of /proc, is stored.
func TestPutProc(t *testing.T) {
	want, err := os.ReadFile("/proc/version")
	if err != nil {
		t.Skipf("there is no /proc to put a file of: %v", err)
	}
	d := serve(t)
	c := connect(t, d.address, nil)
	if _, err := c.PutFile(limit(t), "/proc/version", "version", nil); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(d.root, "version")); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%q came, %v", got, err)
	}
}

// descriptors returns how many this process has open.
func descriptors(t *testing.T) int {
	t.Helper()
	entries, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skipf("descriptors cannot be counted without /proc: %v", err)
	}
	return len(entries)
}

// No descriptor outlives its transfer.
func TestDescriptors(t *testing.T) {
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // it closes what was forgotten
	before := descriptors(t)
	t.Run("transfers", func(t *testing.T) {
		d := serve(t)
		c := connect(t, d.address, nil)
		source := t.TempDir()
		makeTree(t, source, 200, 10, 2)
		if _, err := c.PutTree(limit(t), source, "tree", nil); err != nil {
			t.Error(err)
		}
		if _, err := c.GetTree(limit(t), "tree", filepath.Join(source, "back"), nil); err != nil {
			t.Error(err)
		}
		_, _ = c.GetTree(limit(t), "tree/f", filepath.Join(source, "none"), nil)
		_, _ = c.GetFile(limit(t), "missing", filepath.Join(source, "none"), nil)
		_, _ = c.PutTree(limit(t), source, "tree/d000/f00000", nil)
	})
	waitFor(t, func() bool { return descriptors(t) <= before })
}

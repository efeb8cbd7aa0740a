package client

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"
)

// shm is a directory in memory where there is one.
func shm(t testing.TB) string {
	dir, err := os.MkdirTemp("/dev/shm", "client-test-")
	if err != nil {
		return t.TempDir()
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

func makeTree(t testing.TB, root string, files, size, perDir int) {
	t.Helper()
	content := make([]byte, size)
	for i := range files {
		dir := filepath.Join(root, fmt.Sprintf("d%03d", i/perDir))
		if i%perDir == 0 {
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		copy(content, fmt.Sprintf("file %d", i))
		if err := os.WriteFile(filepath.Join(dir, fmt.Sprintf("f%05d", i)), content, 0o644); err != nil {
			t.Fatal(err)
		}
	}
}

func BenchmarkTree(b *testing.B) {
	base := shm(b)
	source := filepath.Join(base, "source")
	makeTree(b, source, 10000, 4096, 100)
	root := filepath.Join(base, "root")
	if err := os.Mkdir(root, 0o755); err != nil {
		b.Fatal(err)
	}
	d := serveDir(b, root)
	c := connect(b, d.address, nil)
	b.Run("put", func(b *testing.B) {
		n := 0
		for b.Loop() {
			if _, err := c.PutTree(b.Context(), source, fmt.Sprintf("t%d", n), nil); err != nil {
				b.Fatal(err)
			}
			n++
		}
		for i := range n - 1 {
			os.RemoveAll(filepath.Join(root, fmt.Sprintf("t%d", i+1)))
		}
	})
	b.Run("get", func(b *testing.B) {
		n := 0
		for b.Loop() {
			if _, err := c.GetTree(b.Context(), "t0", filepath.Join(base, fmt.Sprintf("back%d", n)), nil); err != nil {
				b.Fatal(err)
			}
			n++
		}
		for i := range n {
			os.RemoveAll(filepath.Join(base, fmt.Sprintf("back%d", i)))
		}
	})
}

func BenchmarkFile(b *testing.B) {
	base := shm(b)
	const size = 1 << 30
	block := bytes.Repeat([]byte("0123456789abcdef"), 1<<16)
	source := filepath.Join(base, "source")
	f, err := os.Create(source)
	if err != nil {
		b.Fatal(err)
	}
	for range size / len(block) {
		if _, err := f.Write(block); err != nil {
			b.Fatal(err)
		}
	}
	f.Close()
	root := filepath.Join(base, "root")
	if err := os.Mkdir(root, 0o755); err != nil {
		b.Fatal(err)
	}
	d := serveDir(b, root)
	c := connect(b, d.address, nil)
	b.Run("put", func(b *testing.B) {
		b.SetBytes(size)
		for b.Loop() {
			if _, err := c.PutFile(b.Context(), source, "big", nil); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("get", func(b *testing.B) {
		b.SetBytes(size)
		for b.Loop() {
			if _, err := c.GetFile(b.Context(), "big", filepath.Join(base, "back"), nil); err != nil {
				b.Fatal(err)
			}
		}
	})
}

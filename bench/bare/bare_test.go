//go:build linux

package main

import (
	"bufio"
	"bytes"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// served serves a directory until the end of the process.
func served(t *testing.T, root string) string {
	t.Helper()
	out, said := io.Pipe()
	go func() { _ = serve(root, "127.0.0.1:0", said) }() // it has no end
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(address)
}

// tree makes files of every way to copy one, and returns what they are.
func tree(t *testing.T, dir string) map[string]string {
	t.Helper()
	files := map[string]string{"a": "content", "empty": "", "sub/b": strings.Repeat("b", block), "sub/deep/c": strings.Repeat("0123456789abcdef", block/8) + "tail"}
	for name, content := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(content), 0o640); err != nil {
			t.Fatal(err)
		}
		if err := os.Chtimes(path, time.Time{}, time.Unix(1e9, 0)); err != nil {
			t.Fatal(err)
		}
	}
	return files
}

func TestCopies(t *testing.T) {
	root, dir := t.TempDir(), t.TempDir()
	address := served(t, root)
	files := tree(t, filepath.Join(dir, "tree"))
	for _, args := range [][]string{
		{"put", address, filepath.Join(dir, "tree"), "up"},
		{"get", address, "up", filepath.Join(dir, "back")},
		{"put", address, filepath.Join(dir, "tree/sub/deep/c"), "large"},
		{"get", address, "large", filepath.Join(dir, "large")},
		{"get", address, "up/a", filepath.Join(dir, "small")},
	} {
		if err := run(args, io.Discard); err != nil {
			t.Fatalf("%v: %v", args, err)
		}
	}
	for name, content := range files {
		equal(t, filepath.Join(dir, "back", name), content)
	}
	equal(t, filepath.Join(dir, "large"), files["sub/deep/c"])
	equal(t, filepath.Join(dir, "small"), files["a"])
}

func equal(t *testing.T, path, content string) {
	t.Helper()
	got, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != content || !info.ModTime().Equal(time.Unix(1e9, 0)) || info.Mode().Perm() != 0o640 {
		t.Errorf("%s: %d bytes of %d, %v, %v", path, len(got), len(content), info.ModTime(), info.Mode())
	}
}

// What does not match its digest is an error.
func TestDamage(t *testing.T) {
	path := filepath.Join(t.TempDir(), "a")
	if err := os.WriteFile(path, []byte("content"), 0o600); err != nil {
		t.Fatal(err)
	}
	var sent bytes.Buffer
	if err := send(path, &sent); err != nil {
		t.Fatal(err)
	}
	for at := recordLen; at < recordLen+len("content"); at++ {
		damaged := bytes.Clone(sent.Bytes())
		damaged[at] ^= 1
		to := filepath.Join(t.TempDir(), "b")
		if err := receive(bufio.NewReader(bytes.NewReader(damaged)), to); err == nil {
			t.Errorf("damage at %d was not noticed", at)
		}
		if _, err := os.Lstat(to); err == nil {
			t.Error("the damaged file is there")
		}
	}
}

//go:build unix

package client

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// sending is a local file whose PUT is disturbed.
type sending struct {
	path       string
	old, other []byte // contents of the same size
}

// sourceChanges are what can become of it.
var sourceChanges = map[string]func(f *sending) error{
	"replaced": func(f *sending) error {
		return errors.Join(os.WriteFile(f.path+".new", f.other, 0o600), os.Rename(f.path+".new", f.path))
	},
	"removed":     func(f *sending) error { return os.Remove(f.path) },
	"moved away":  func(f *sending) error { return os.Rename(f.path, f.path+".old") },
	"a directory": func(f *sending) error { return errors.Join(os.Remove(f.path), os.Mkdir(f.path, 0o700)) },
	"a link": func(f *sending) error {
		return errors.Join(os.WriteFile(f.path+".new", f.other, 0o600), os.Remove(f.path), os.Symlink(f.path+".new", f.path))
	},
	"a pipe":    func(f *sending) error { return errors.Join(os.Remove(f.path), unix.Mkfifo(f.path, 0o600)) },
	"grown":     func(f *sending) error { return f.rewrite(slices.Concat(f.old, f.other)) },
	"cut":       func(f *sending) error { return os.Truncate(f.path, int64(len(f.old)/2)) },
	"emptied":   func(f *sending) error { return os.Truncate(f.path, 0) },
	"rewritten": func(f *sending) error { return f.rewrite(f.other) },
	"rewritten, with the old time": func(f *sending) error {
		return f.keepingTime(func() error { return f.rewrite(f.other) })
	},
	"rewritten and removed": func(f *sending) error { return errors.Join(f.rewrite(f.other), os.Remove(f.path)) },
	"grown and cut again": func(f *sending) error {
		return f.keepingTime(func() error {
			return errors.Join(f.rewrite(slices.Concat(f.other, f.old)), os.Truncate(f.path, int64(len(f.old))))
		})
	},
}

// rewrite writes into the file that is there.
func (f *sending) rewrite(content []byte) error {
	w, err := os.OpenFile(f.path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	_, err = w.Write(content)
	return errors.Join(err, w.Close())
}

func (f *sending) keepingTime(change func() error) error {
	info, err := os.Stat(f.path)
	if err != nil {
		return err
	}
	return errors.Join(change(), os.Chtimes(f.path, time.Time{}, info.ModTime()))
}

// ripen makes a file older than a tick of the clock that stamps it, so that any change
// shows in its times.
func ripen(t *testing.T, name string) {
	t.Helper()
	then := time.Now().Add(-time.Hour)
	if err := os.Chtimes(name, then, then); err != nil {
		t.Fatal(err)
	}
	mark := filepath.Join(t.TempDir(), "mark")
	stamp := func() time.Time {
		writeFile(t, mark, []byte("x"))
		info, err := os.Stat(mark)
		if err != nil {
			t.Fatal(err)
		}
		return info.ModTime()
	}
	for first := stamp(); !stamp().After(first); {
	}
}

// disturber reads a file, and changes it before one of the reads.
type disturber struct {
	io.Reader
	reads  int // until then
	change func() error
}

func (d *disturber) Read(b []byte) (int, error) {
	if d.reads--; d.reads == 0 {
		if err := d.change(); err != nil {
			return 0, err
		}
	}
	return d.Reader.Read(b)
}

// A file is changed at each moment of a PUT. What is stored is one version of it, or
// nothing, and then the change is told.
func TestPutChangedAtAnyMoment(t *testing.T) {
	d := serve(t)
	c := connect(t, d.address, nil)
	for _, size := range []int{1000, 2*bs + 1} {
		for name, change := range sourceChanges {
			t.Run(fmt.Sprint(size, " ", name), func(t *testing.T) {
				for _, keeps := range []bool{false, true} {
					reads := 1
					for putDisturbed(t, c, d.root, size, keeps, reads, change) {
						reads++
					}
					if reads < 3 {
						t.Errorf("it is read %d times", reads-1)
					}
				}
			})
		}
	}
}

// putDisturbed puts a file and changes it before one of the reads. It returns false
// where there are not so many.
func putDisturbed(t *testing.T, c *Client, root string, size int, keeps bool, reads int, change func(f *sending) error) (happened bool) {
	t.Helper()
	f := &sending{path: filepath.Join(t.TempDir(), "f"), old: noise(size), other: noise(size + 1)[1:]}
	writeFile(t, f.path, f.old)
	ripen(t, f.path)
	file, err := os.Open(f.path)
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	s, err := newSource(file, 0)
	if err != nil {
		t.Fatal(err)
	}
	reader := &disturber{Reader: file, reads: reads, change: func() error { return change(f) }}
	s.r, s.keeps = reader, keeps
	_, err = c.put(limit(t), "f", s, &PutOptions{}, noProgress{})
	stored, missing := os.ReadFile(filepath.Join(root, "f"))
	switch {
	case err != nil && (!errors.Is(err, ErrChanged) || missing == nil):
		t.Errorf("before read %d: %v, and %d bytes are stored", reads, err, len(stored))
	case err == nil && !bytes.Equal(stored, f.old):
		t.Errorf("before read %d: what is stored is no version: %d bytes, %v", reads, len(stored), missing)
	}
	if missing == nil {
		if err := os.Remove(filepath.Join(root, "f")); err != nil {
			t.Fatal(err)
		}
	}
	return reader.reads <= 0
}

// A file that changes while a PUT of it is gone on with is not stored either, and the
// next PUT begins anew.
func TestResumedPutChanged(t *testing.T) {
	const size = 60*bs + 1
	content := noise(size)
	d, r, local := localFileOf(t, content)
	for name, change := range sourceChanges {
		f := &sending{path: local, old: content, other: noise(size + 1)[1:]}
		writeFile(t, local, content)
		ripen(t, local)
		halfPut(t, r, local, "f", 50*bs)
		file, err := os.Open(local)
		if err != nil {
			t.Fatal(err)
		}
		s, err := newSource(file, 0)
		if err != nil {
			t.Fatal(err)
		}
		s.r, s.keeps = &disturber{Reader: file, reads: 3, change: func() error { return change(f) }}, true
		result, err := connect(t, d.address, nil).put(limit(t), "f", s, &PutOptions{}, noProgress{})
		if err == nil {
			wantContent(t, filepath.Join(d.root, "f"), content)
			if result.Resumed == 0 {
				t.Errorf("%s: it was not gone on with", name)
			}
		} else if _, missing := os.Stat(filepath.Join(d.root, "f")); !errors.Is(err, ErrChanged) || missing == nil {
			t.Errorf("%s: %v, and what is there: %v", name, err, missing)
		}
		_ = file.Close() // it was only read
		for _, path := range []string{local, filepath.Join(d.root, "f")} {
			if err := os.RemoveAll(path); err != nil {
				t.Fatal(err)
			}
		}
	}
}

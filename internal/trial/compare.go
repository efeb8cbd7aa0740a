package trial

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
)

// Total is how much was found equal. Bytes are those of the files.
type Total struct {
	Files, Directories int
	Bytes              int64
}

// Add adds the figures of another comparison.
func (t *Total) Add(other Total) {
	t.Files += other.Files
	t.Directories += other.Directories
	t.Bytes += other.Bytes
}

// Same is what must be equal in a copy, besides the names and the bytes.
type Same uint8

// What a comparison can ask for.
const (
	Content Same = 0      // no more than the bytes
	Mode    Same = 1 << 0 // the permission bits
	Mtime   Same = 1 << 1 // the time of change of files
)

// Compare reads two files or two trees to their end. The error names the first
// path that differs, or is in one of them only.
func Compare(source, replica string, same Same) (Total, error) {
	c := &comparison{source: source, replica: replica, same: same, left: make([]byte, 1<<20), right: make([]byte, 1<<20)}
	if err := filepath.WalkDir(source, c.visit); err != nil {
		return c.total, fmt.Errorf("compare with %s: %w", replica, err)
	}
	if err := c.nothingMore(); err != nil {
		return c.total, fmt.Errorf("compare with %s: %w", replica, err)
	}
	return c.total, nil
}

type comparison struct {
	source, replica string
	same            Same
	total           Total
	left, right     []byte
}

func (c *comparison) visit(path string, entry fs.DirEntry, err error) error {
	if err != nil {
		return err
	}
	name, err := filepath.Rel(c.source, path)
	if err != nil {
		return err
	}
	info, err := entry.Info()
	if err != nil {
		return err
	}
	replica, err := os.Lstat(filepath.Join(c.replica, name))
	if err != nil {
		return err
	}
	if info.Mode().Type() != replica.Mode().Type() {
		return fmt.Errorf("%q: the source is %v, the copy %v", name, info.Mode(), replica.Mode())
	}
	if c.same&Mode != 0 && info.Mode() != replica.Mode() {
		return fmt.Errorf("%q: the source has mode %v, the copy %v", name, info.Mode(), replica.Mode())
	}
	if info.IsDir() {
		c.total.Directories++
		return nil
	}
	if err := c.file(name, info, replica); err != nil {
		return fmt.Errorf("%q: %w", name, err)
	}
	c.total.Files++
	c.total.Bytes += info.Size()
	return nil
}

func (c *comparison) file(name string, source, replica fs.FileInfo) error {
	switch {
	case source.Size() != replica.Size():
		return fmt.Errorf("the source has %d bytes, the copy %d", source.Size(), replica.Size())
	case c.same&Mtime != 0 && !source.ModTime().Equal(replica.ModTime()):
		return fmt.Errorf("the source changed at %v, the copy at %v", source.ModTime(), replica.ModTime())
	}
	return c.content(name)
}

func (c *comparison) content(name string) error {
	a, err := os.Open(filepath.Join(c.source, name))
	if err != nil {
		return err
	}
	defer a.Close()
	b, err := os.Open(filepath.Join(c.replica, name))
	if err != nil {
		return err
	}
	defer b.Close()
	for offset := int64(0); ; {
		n, err := io.ReadFull(a, c.left)
		m, otherErr := io.ReadFull(b, c.right)
		if !bytes.Equal(c.left[:n], c.right[:m]) {
			return fmt.Errorf("the bytes differ after offset %d", offset)
		}
		if err != nil || otherErr != nil {
			return errors.Join(unlessEnd(err), unlessEnd(otherErr))
		}
		offset += int64(n)
	}
}

func unlessEnd(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return nil
	}
	return err
}

// nothingMore counts what is in the copy: each thing of the source was seen
// there, so an equal count means that there is nothing else.
func (c *comparison) nothingMore() error {
	count := 0
	err := filepath.WalkDir(c.replica, func(_ string, _ fs.DirEntry, err error) error {
		count++
		return err
	})
	if more := count - c.total.Files - c.total.Directories; err == nil && more != 0 {
		return fmt.Errorf("the copy has %d files or directories that the source has not", more)
	}
	return err
}

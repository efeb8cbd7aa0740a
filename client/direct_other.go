//go:build !unix

package client

import "os"

// direct is what a system needs to make and read small files fast: nothing here.
type direct struct{}

func (direct) close() {}

// store makes a file whose content is there and verified, or replaces it.
func (d *localDir) store(name string, content []byte, info Info) error {
	l := &localFile{root: d.root, name: name, path: name}
	defer l.discard()
	if _, err := l.create(origin{}); err != nil {
		return err
	}
	if _, err := l.Write(content); err != nil {
		return err
	}
	return l.commit(&Result{Mode: info.Mode, Mtime: info.Mtime})
}

// list opens the directory to read its entries.
func (d *localDir) list(string) (*os.File, error) { return d.root.Open(".") }

// load reads a regular file that has at most len(b)-1 bytes, and did not change
// meanwhile.
func (d *localDir) load(name string, b []byte) (Info, error) {
	f, err := d.root.Open(name)
	if err != nil {
		return Info{}, err
	}
	defer func() { _ = f.Close() }() // it was only read
	s, err := newSource(f, 0)
	if err != nil {
		return Info{}, err
	}
	if s.file == nil || s.size >= int64(len(b)) {
		return Info{}, errReplaced
	}
	n, last, err := s.next(b)
	switch {
	case err != nil:
		return Info{}, err
	case !last:
		return Info{}, errResized
	}
	return Info{Size: int64(n), Mode: s.info.Mode(), Mtime: s.info.ModTime()}, nil
}

package client

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
)

// partName returns a hidden name beside name for what is not complete yet.
func partName(name string) string {
	const suffix = len(".") + len(".ftpc-") + 16
	return fmt.Sprintf(".%s.ftpc-%016x", name[:min(len(name), 255-suffix)], rand.Uint64())
}

// localFile is a local file that a transfer makes: a hidden part file in the
// same directory, which takes the name when it is complete.
type localFile struct {
	root *os.Root // the directory
	name string   // in it
	path string   // the whole path, for errors
	keep bool     // fail where the name is taken
	odd  bool     // what has the name is a device or a named pipe: it is written itself

	file *os.File
	part string // its name; empty where name itself is written, which is no regular file
}

// openLocal returns the local file at path, which may name a symbolic link to
// it, and fails early where it cannot be written.
func openLocal(path string, keep bool) (*localFile, error) {
	if resolved, err := filepath.EvalSymlinks(path); err == nil {
		path = resolved
	}
	root, err := os.OpenRoot(filepath.Dir(path))
	if err != nil {
		return nil, localError("open", filepath.Dir(path), err)
	}
	l := &localFile{root: root, name: filepath.Base(path), path: path, keep: keep}
	if err := l.check(); err != nil {
		_ = root.Close() // it was not written to
		return nil, err
	}
	return l, nil
}

// check looks at what has the name now, so that a transfer that would fail in
// the end does not begin.
func (l *localFile) check() error {
	info, err := l.root.Lstat(l.name)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		return nil
	case err != nil:
		return localError("stat", l.path, err)
	case info.IsDir():
		return localError("write", l.path, syscall.EISDIR)
	case l.keep:
		return localError("create", l.path, fs.ErrExist)
	}
	l.odd = info.Mode()&(fs.ModeDevice|fs.ModeNamedPipe) != 0
	return nil
}

// create begins the file.
func (l *localFile) create() (io.Writer, error) {
	var err error
	if l.odd {
		l.file, err = l.root.OpenFile(l.name, os.O_WRONLY, 0)
	} else {
		l.part = partName(l.name)
		l.file, err = l.root.OpenFile(l.part, os.O_WRONLY|os.O_CREATE|os.O_EXCL|openRegular, 0o600)
	}
	if err != nil {
		l.part = ""
		return nil, localError("create", l.path, err)
	}
	return l, nil
}

// Write is that of the part file; its errors name the file.
func (l *localFile) Write(b []byte) (int, error) {
	n, err := l.file.Write(b)
	if err != nil {
		err = localError("write", l.path, err)
	}
	return n, err
}

// commit gives the file its mode and time, and then its name.
func (l *localFile) commit(info *Result) error {
	if l.part == "" {
		return l.close()
	}
	// Never setuid or setgid: Mode holds permission bits only.
	if err := l.file.Chmod(info.Mode.Perm()); err != nil {
		return localError("chmod", l.path, err)
	}
	if err := l.close(); err != nil {
		return err
	}
	if err := l.root.Chtimes(l.part, info.Mtime, info.Mtime); err != nil {
		return localError("set the time of", l.path, err)
	}
	if err := l.rename(); err != nil {
		return localError("create", l.path, err)
	}
	l.part = ""
	return nil
}

func (l *localFile) close() error {
	file := l.file
	l.file = nil
	if err := file.Close(); err != nil {
		return localError("write", l.path, err)
	}
	return nil
}

// rename puts the part file under its name. A link instead of a rename never
// replaces; not every file system has links.
func (l *localFile) rename() error {
	if !l.keep {
		err := l.root.Rename(l.part, l.name)
		if err == nil {
			return nil
		}
		if info, missing := l.root.Lstat(l.name); missing == nil && info.IsDir() {
			return syscall.EISDIR // some systems say that it exists
		}
		return err
	}
	err := l.root.Link(l.part, l.name)
	switch {
	case err == nil:
		return l.root.Remove(l.part)
	case errors.Is(err, fs.ErrExist):
		return err
	}
	if _, taken := l.root.Lstat(l.name); taken == nil {
		return fs.ErrExist
	}
	return l.root.Rename(l.part, l.name)
}

// discard removes what is left of a file that was not committed.
func (l *localFile) discard() {
	if l.file != nil {
		_ = l.file.Close() // it is given up
		l.file = nil
	}
	if l.part != "" {
		_ = l.root.Remove(l.part) // nothing better can be done
		l.part = ""
	}
}

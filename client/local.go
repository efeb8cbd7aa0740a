package client

import (
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"

	"ftpd/protocol"
)

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
	kept *keptPart
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

// resume goes on with what an earlier run left of a file on the server. It
// returns the version that is, and adds what is there to tree, or false.
func (l *localFile) resume(want origin, tree *protocol.Tree) (origin, bool) {
	if l.odd || !want.fits() {
		return origin{}, false
	}
	if l.kept = lockPart(l.root, l.name, true); l.kept == nil {
		return origin{}, false
	}
	if l.file = l.kept.recall(want, tree); l.file == nil {
		return origin{}, false
	}
	l.part = l.kept.names.part
	return l.kept.origin, true
}

// create begins the file, a part of o.
func (l *localFile) create(o origin) (io.Writer, error) {
	if l.file != nil {
		_ = l.file.Close() // it was a part of another version
		l.file = nil
	}
	if l.createKept(o) {
		return l, nil
	}
	if l.kept != nil { // and what it holds is a part of what is no more
		l.kept.drop()
		l.kept.leave()
		l.kept = nil
	}
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

// createKept begins a part file that another run can go on with, where that is
// worth it and can be.
func (l *localFile) createKept(o origin) bool {
	if l.odd || o.size <= protocol.BlockSize || o.etag == 0 || !o.fits() {
		return false
	}
	if l.kept == nil {
		l.kept = lockPart(l.root, l.name, false)
	}
	if l.kept == nil {
		return false
	}
	var err error
	if l.file, err = l.kept.begin(o); err != nil {
		l.kept.leave()
		l.kept = nil
		return false
	}
	l.part = l.kept.names.part
	return true
}

// wrote tells that a block that was written had been verified.
func (l *localFile) wrote(digest protocol.Digest, n int) {
	if l.kept != nil {
		l.kept.wrote(digest, n)
	}
}

// Write is that of the part file; its errors name the file.
func (l *localFile) Write(b []byte) (int, error) {
	n, err := l.file.Write(b)
	if err != nil {
		err = localError("write", l.path, err)
	}
	return n, err
}

// commit gives the file its mode and time, and then its name. What it fails
// for will not be otherwise the next time, so nothing is left for that.
func (l *localFile) commit(info *Result) error {
	err := l.publish(info)
	if err != nil {
		l.forget()
	}
	return err
}

func (l *localFile) publish(info *Result) error {
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
	l.forget()
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

// forget keeps a later run from going on with what is there.
func (l *localFile) forget() {
	if l.kept != nil {
		l.kept.drop()
	}
}

// resumable tells with an error what a later run can go on with, if anything.
func (l *localFile) resumable(err error) error {
	if l.kept == nil || l.kept.blocks == 0 {
		return err
	}
	part := filepath.Join(filepath.Dir(l.path), l.kept.names.part)
	return &ResumableError{Part: part, Size: l.kept.blocks * protocol.BlockSize, Err: err}
}

// discard ends a file. Of one that was not committed only that is left which a
// later run can go on with.
func (l *localFile) discard() {
	if l.file != nil {
		_ = l.file.Close() // it is given up
		l.file = nil
	}
	if l.kept != nil {
		l.kept.leave()
		l.kept, l.part = nil, ""
	}
	if l.part != "" {
		_ = l.root.Remove(l.part) // nothing better can be done
		l.part = ""
	}
}

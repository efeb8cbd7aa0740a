//go:build unix

package local

import (
	"io"
	"time"

	"ftpd/server/storage"

	"golang.org/x/sys/unix"
)

// file is an open regular file as a [storage.File].
type file struct {
	store   *Store
	path    storage.Path
	opened  unix.Stat_t // as it was then
	version version
	settled bool // a change since it was opened shows in its version
	descriptor
}

// Open implements [storage.Storage]. A link at the end of path is followed.
func (s *Store) Open(path storage.Path) (storage.File, error) {
	f := &file{store: s, path: path}
	now := s.now() // before fstat(2)
	err := s.following(path, func(p place) (err error) {
		f.fd, f.opened, err = openRegular(p.fd(), p.name)
		return err
	})
	if err != nil {
		return nil, err
	}
	f.recognise(now)
	return f, nil
}

// OpenEach implements [storage.Storage]. Files in a row of the same directory are
// opened in it; where that fails, be it for a link, Open has another look.
func (s *Store) OpenEach(paths []storage.Path, visit func(i int, file storage.File, err error) bool) {
	near := nearby{store: s}
	defer near.close()
	storage.OpenEach(paths, func(path storage.Path) (storage.File, error) {
		if f := near.open(path); f != nil {
			return f, nil
		}
		return s.Open(path)
	}, visit)
}

// nearby keeps the directory of a path open for the next one.
type nearby struct {
	store  *Store
	within directory
	known  bool
}

// open returns nil where it cannot simply be opened.
func (n *nearby) open(path storage.Path) *file {
	if dir := path.Dir(); !n.known || n.within.path != dir {
		n.close()
		d, err := n.store.openDirectory(dir)
		if err != nil {
			return nil
		}
		n.within, n.known = d, true
	}
	f := &file{store: n.store, path: path}
	now := n.store.now() // before fstat(2)
	var err error
	if f.fd, f.opened, err = openRegular(n.within.fd(), base(path)); err != nil {
		return nil
	}
	f.recognise(now)
	return f
}

func (n *nearby) close() {
	if n.known {
		n.within.close()
		n.known = false
	}
}

// openRegular opens an entry of a directory for reading if it is a regular
// file. With O_NONBLOCK a named pipe opens at once (fifo(7)) and is then
// refused by its kind; for a regular file the flag means nothing.
func openRegular(dirfd int, name string) (fd int, stat unix.Stat_t, err error) {
	const flags = unix.O_RDONLY | unix.O_NONBLOCK | unix.O_NOFOLLOW | unix.O_NOCTTY | unix.O_CLOEXEC
	err = retry(func() (err error) {
		fd, err = unix.Openat(dirfd, name, flags, 0)
		return err
	})
	if err != nil {
		return -1, stat, err
	}
	if err = unix.Fstat(fd, &stat); err == nil {
		err = regular(&stat)
	}
	if err != nil {
		_ = unix.Close(fd)
		return -1, stat, err
	}
	return fd, stat, nil
}

// regular returns the error number for what is not a regular file.
func regular(stat *unix.Stat_t) error {
	switch kindOf(stat) {
	case storage.Regular:
		return nil
	case storage.Directory:
		return unix.EISDIR
	default:
		return unix.ENXIO
	}
}

func (f *file) ReadAt(p []byte, offset int64) (int, error) {
	n, err := f.readAt(p, offset)
	if err != nil && err != io.EOF {
		err = f.store.fail(f.path, err)
	}
	return n, err
}

func (f *file) Info() storage.Info { return infoOf(&f.opened) }

func (f *file) Stat() (storage.Info, error) {
	stat, err := f.stat()
	for range unlinkLooks {
		if err != nil || stat.Nlink == 0 || !onlyCtime(&f.opened, &stat) {
			break
		}
		time.Sleep(unlinkTime)
		stat, err = f.stat()
	}
	if err != nil {
		return storage.Info{}, f.store.fail(f.path, err)
	}
	if onlyUnlinked(&f.opened, &stat) {
		stat.Ctim = f.opened.Ctim
	}
	return infoOf(&stat), nil
}

// A file whose ctime alone has moved may be losing its last name just now: the kernel
// moves the one and then counts the other down, and stat(2) waits for neither. So it is
// looked at a few times more.
const (
	unlinkLooks = 4
	unlinkTime  = 50 * time.Microsecond
)

// onlyCtime reports whether nothing but a file's ctime has moved since then.
func onlyCtime(then, now *unix.Stat_t) bool {
	return now.Size == then.Size && nanoseconds(now.Mtim) == nanoseconds(then.Mtim) && nanoseconds(now.Ctim) != nanoseconds(then.Ctim)
}

// onlyUnlinked reports whether a file has lost its last name since then, and its
// content stayed: nothing but its ctime tells of a change then, and unlink(2) and
// rename(2) move that. A program that wrote to the file and put its mtime back
// before it was unlinked, or holds it open and does so later, is not seen.
func onlyUnlinked(then, now *unix.Stat_t) bool {
	return then.Nlink > 0 && now.Nlink == 0 && onlyCtime(then, now)
}

func (f *file) Close() error {
	return f.store.fail(f.path, f.close())
}

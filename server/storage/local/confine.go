//go:build unix

package local

import (
	"io"
	"os"
	"strings"

	"ftpd/server/storage"

	"golang.org/x/sys/unix"
)

// maxLinks is how many links at the end of a path are followed, as in Linux
// (path_resolution(7)).
const maxLinks = 40

// privateMode marks the directories that hold staging files: sticky, and open
// to their owner only. The sticky bit means nothing without write permission
// for others, so no directory of a user's has just this mode. openDirectory
// refuses it, and so no symbolic link leads there, not even into the staging
// of another server for a directory below this one.
const privateMode = unix.S_ISVTX | 0o700

// directory is an open directory below the root, or the root.
type directory struct {
	file   *os.File    // or else
	raw    int         // a descriptor that is this directory's own
	stat   unix.Stat_t // as it was when it was opened
	path   storage.Path
	shared bool    // not to be closed by who uses it
	births []birth // what makeDirectories made on the way, to be settled
}

func (d *directory) fd() int {
	if d.file != nil {
		return int(d.file.Fd())
	}
	return d.raw
}

func (d *directory) close() {
	switch {
	case d.shared:
	case d.file != nil:
		_ = d.file.Close()
	default:
		_ = unix.Close(d.raw)
	}
}

// openDirectory opens a directory, following links as far as they stay below
// the root. It is the only place where more than one component is resolved,
// and path may hold "..": a link's target does.
func (s *Store) openDirectory(path storage.Path) (directory, error) {
	if path == storage.Root {
		d := directory{file: s.top, path: path, shared: true}
		err := unix.Fstat(d.fd(), &d.stat)
		if err == nil && d.stat.Nlink == 0 {
			err = lookInto(d.fd())
		}
		return d, err
	}
	d, err := s.openBelow(path)
	if err != nil {
		return directory{}, err
	}
	if err := unix.Fstat(d.fd(), &d.stat); err != nil {
		d.close()
		return directory{}, err
	}
	if uint32(d.stat.Mode)&0o7777 == privateMode {
		d.close()
		return directory{}, errPrivate
	}
	return d, nil
}

// openByRoot is openBelow by os.Root, which opens component after component.
func (s *Store) openByRoot(path storage.Path) (directory, error) {
	// O_NONBLOCK means nothing for a directory, and spares the four fcntl(2)
	// calls by which os sets it and takes it back.
	file, err := s.root.OpenFile(string(path), os.O_RDONLY|unix.O_DIRECTORY|unix.O_NONBLOCK, 0)
	return directory{file: file, path: path}, err
}

// lookInto returns the ENOENT of a directory that was removed while it is
// open: it can be described still, but Linux does not read it, and others do
// not open it. Having no links does not tell, for some FUSE file systems count
// none at all.
func lookInto(fd int) error {
	l, err := openChild(fd, ".")
	if err != nil {
		return err
	}
	defer l.file.Close()
	if _, err = l.file.Readdirnames(1); err == io.EOF {
		return nil
	}
	return err
}

// place is a name in an open directory, whether or not something has it.
type place struct {
	*directory
	name string
}

func (p place) path() storage.Path { return p.directory.path.Join(p.name) }

func (p place) id() entryID { return entryID{idOf(&p.stat), p.name} }

func (p place) lstat() (unix.Stat_t, error) { return lstat(p.fd(), p.name) }

func (p place) unlink() error {
	return retry(func() error { return unix.Unlinkat(p.fd(), p.name, 0) })
}

// at calls do with the name that path ends in, in its open directory.
func (s *Store) at(path storage.Path, do func(p place) error) error {
	d, err := s.openDirectory(path.Dir())
	if err != nil {
		return s.fail(path, err)
	}
	defer d.close()
	return s.fail(path, do(place{&d, base(path)}))
}

// base returns the last component of path; that of the root is ".".
func base(path storage.Path) string {
	return string(path[strings.LastIndexByte(string(path), '/')+1:])
}

// following is at for operations that follow a link at the end of path. do
// must not follow one: where it fails and name is a link, it is called again
// with what the link names. That may be a directory by the name of "." or "..".
func (s *Store) following(path storage.Path, do func(p place) error) error {
	at := path
	for range maxLinks {
		target, err := s.once(at, do)
		switch {
		case target == "" && err == unix.ELOOP:
			continue // it was a link when do met it, and is none any more
		case target == "" || err == nil:
			return s.fail(path, err)
		case target[0] == '/':
			return s.fail(path, s.escapes)
		}
		at = at.Dir().Join(strings.TrimRight(target, "/"))
		if strings.HasPrefix(base(at), storage.Reserved) {
			return s.fail(path, errPrivate)
		}
	}
	return s.fail(path, unix.ELOOP)
}

// once does one step of following: where do fails on a link, it returns that
// link's target with the error.
func (s *Store) once(path storage.Path, do func(p place) error) (target string, err error) {
	within, name := path.Dir(), base(path)
	if name == "." || name == ".." {
		// Relative to an open directory ".." could be above the root.
		within, name = path, "."
	}
	d, err := s.openDirectory(within)
	if err != nil {
		return "", err
	}
	defer d.close()
	if err = do(place{&d, name}); err == nil {
		return "", nil
	}
	if target, e := s.root.Readlink(string(path)); e == nil {
		return target, err
	}
	return "", err
}

// lstat describes an entry of an open directory, without following a link.
func lstat(dirfd int, name string) (stat unix.Stat_t, err error) {
	err = retry(func() error { return unix.Fstatat(dirfd, name, &stat, unix.AT_SYMLINK_NOFOLLOW) })
	return stat, err
}

// retry repeats a system call that a signal interrupted: Go's own preemption
// signals do so on file systems such as NFS and FUSE (go.dev/issue/40846).
func retry(call func() error) error {
	for {
		if err := call(); err != unix.EINTR {
			return err
		}
	}
}

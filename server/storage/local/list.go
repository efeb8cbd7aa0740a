//go:build unix

package local

import (
	"errors"
	"fmt"
	"io"
	"strings"

	"ftpd/server/storage"

	"golang.org/x/sys/unix"
)

const (
	// readAhead is how many names of a directory are held at a time.
	readAhead = 256
	// maxListed is the longest path that a client can be told and can name
	// again, in bytes.
	maxListed = 4096
	// maxHeld bounds the names that a listing holds of directories that it has left
	// open on its way down, which it has to where the tree is deep.
	maxHeld = 1 << 16
)

// errOverlong is of a directory that was gone into, and so has a path that
// can be told.
var errOverlong = fmt.Errorf("%w: paths below it are too long to name, and are left out", storage.ErrInvalid)

// lister walks a tree depth first. A directory's entry comes before those of
// what it contains, and it is opened before its entry is returned, so that the
// entry can say why it could not be. A second entry says what turns out only
// later.
type lister struct {
	store     *Store
	path      storage.Path
	recursive bool
	maxHeld   int
	trail     trail
}

// List implements [storage.Storage].
func (s *Store) List(path storage.Path, recursive bool) (storage.Lister, error) {
	d, err := s.openDirectory(path)
	if err != nil {
		return nil, s.fail(path, err)
	}
	defer d.close()
	// The listing reads from a descriptor of its own: that of the root is
	// shared, and a descriptor has one position.
	top, err := openChild(d.fd(), ".")
	if err != nil {
		return nil, s.fail(path, err)
	}
	l := &lister{store: s, path: path, recursive: recursive, maxHeld: maxHeld}
	l.trail.push(top)
	return l, nil
}

// Close implements [storage.Lister].
func (l *lister) Close() error {
	l.trail.close()
	return nil
}

// Next implements [storage.Lister]. Besides directories, an entry has Err set
// where it could not be described.
func (l *lister) Next() (storage.Entry, error) {
	for len(l.trail.levels) > 0 {
		at := l.trail.last()
		if len(at.names) == 0 {
			if failed, err := l.refill(at); err != nil {
				return l.broken(failed, err)
			}
			continue
		}
		name := at.names[0]
		at.names = at.names[1:]
		if strings.HasPrefix(name, storage.Reserved) {
			continue
		}
		if len(at.prefix)+len(name) > maxListed {
			if !at.overlong {
				at.overlong = true
				return l.broken(at, errOverlong)
			}
			continue
		}
		if entry, ok := l.describe(at, name); ok {
			return entry, nil
		}
	}
	return storage.Entry{}, io.EOF
}

// refill reads more names, or leaves the directory where there are none. With
// an error it returns the directory that failed in the middle.
func (l *lister) refill(at *level) (failed *level, err error) {
	if at.ended {
		return l.leave()
	}
	at.names, err = at.file.Readdirnames(readAhead)
	if err == nil {
		return nil, nil
	}
	at.ended = true
	if err == io.EOF {
		return nil, nil
	}
	return at, err
}

// leave goes back to the directory above.
func (l *lister) leave() (failed *level, err error) {
	if err = l.trail.pop(); err == nil {
		return nil, nil
	}
	at := *l.trail.last()
	// What was above cannot be read any further; the way up is lost with it.
	l.trail.levels = l.trail.levels[:firstParked(l.trail.levels)]
	return &at, err
}

func firstParked(levels []level) int {
	for i := range levels {
		if levels[i].file == nil {
			return i
		}
	}
	return len(levels)
}

// broken is what Next returns for a directory that could not be read to its
// end: an entry, or for the listed directory itself the error, which ends the
// listing.
func (l *lister) broken(at *level, err error) (storage.Entry, error) {
	if at.prefix == "" {
		l.trail.close()
		return storage.Entry{}, l.store.fail(l.path, err)
	}
	path := strings.TrimSuffix(at.prefix, "/")
	return storage.Entry{Path: path, Info: storage.Info{Kind: storage.Directory}, Err: l.fail(path, err)}, nil
}

// fail names path, which is below the listed directory, from the root.
func (l *lister) fail(path string, err error) error {
	return l.store.fail(l.path.Join(path), err)
}

// describe makes an entry of a name and goes into it if it is a directory. ok
// is false for what has gone since its name was read.
func (l *lister) describe(at *level, name string) (entry storage.Entry, ok bool) {
	entry.Path = at.prefix + name
	stat, err := lstat(int(at.file.Fd()), name)
	switch {
	case errors.Is(err, unix.ENOENT):
		return entry, false
	case err != nil:
		entry.Err = l.fail(entry.Path, err)
		return entry, true
	}
	entry.Info = infoOf(&stat)
	switch {
	case entry.Kind == storage.Symlink:
		entry.Target, _ = l.store.root.Readlink(string(l.path.Join(entry.Path)))
	case entry.Kind == storage.Directory && l.recursive:
		entry.Err = l.enter(at, name, entry.Path)
	}
	return entry, true
}

// enter makes the directory name, whose path is given, the last of the trail.
func (l *lister) enter(at *level, name, path string) error {
	if whole := l.path.Join(path); len(whole) > maxListed {
		return refuse(whole, storage.ErrInvalid, "its path is too long for a client to name")
	}
	if most := l.store.options.ListDepth; len(l.trail.levels) >= most {
		return refuse(l.path.Join(path), storage.ErrInvalid, fmt.Sprintf("it is more than %d directories deep, and what it contains is left out", most))
	}
	child, err := openChild(int(at.file.Fd()), name)
	if err != nil {
		return l.fail(path, err)
	}
	child.prefix = path + "/"
	if len(l.trail.levels) >= maxOpen {
		if err := l.readRest(at, path); err != nil {
			_ = child.file.Close()
			return err
		}
	}
	l.trail.push(child)
	return nil
}

// readRest reads what is left of a directory that is to be closed, for its position is
// lost then. path is what it is closed for.
func (l *lister) readRest(at *level, path string) error {
	for !at.ended {
		if l.held() >= l.maxHeld {
			return refuse(l.path.Join(path), storage.ErrInvalid, "the directories that it lies in have too many entries for a listing so deep, and what it contains is left out")
		}
		names, err := at.file.Readdirnames(readAhead)
		at.names = append(at.names, names...)
		at.ended = err == io.EOF
		if err != nil && !at.ended {
			return l.fail(path, err)
		}
	}
	return nil
}

// held returns how many names are held.
func (l *lister) held() int {
	n := 0
	for i := range l.trail.levels {
		n += len(l.trail.levels[i].names)
	}
	return n
}

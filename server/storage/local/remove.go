//go:build unix

package local

import (
	"context"
	"io"
	"strings"

	"ftpd/server/storage"

	"golang.org/x/sys/unix"
)

// Remove implements [storage.Storage]. A link goes, and what it names stays.
// A recursive removal holds at most maxOpen descriptors and stops at the first
// entry that cannot go. It leaves the server's own files alone: a directory
// that an upload is staged in is not empty.
func (s *Store) Remove(ctx context.Context, path storage.Path, recursive bool) (int, error) {
	if err := s.writable(path); err != nil {
		return 0, err
	}
	if path == storage.Root {
		return 0, refuse(path, storage.ErrInvalid, "the served directory itself cannot be removed")
	}
	removed := 0
	err := s.at(path, func(p place) (err error) {
		removed, err = s.remove(ctx, p, recursive)
		return err
	})
	return removed, err
}

func (s *Store) remove(ctx context.Context, p place, recursive bool) (removed int, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	stat, err := p.lstat()
	if err != nil {
		return 0, err
	}
	if recursive && kindOf(&stat) == storage.Directory {
		if removed, err = s.empty(ctx, p); err != nil {
			return removed, err
		}
	}
	unlock := s.locks.lock(p.id())
	err = removeEntry(p.fd(), p.name, kindOf(&stat) == storage.Directory)
	unlock()
	if err != nil {
		return removed, err
	}
	return removed + 1, s.durableDirectory(p.directory)
}

// removeEntry removes a directory or something else. Which it is must be
// known: some systems let a privileged process unlink a directory.
func removeEntry(dirfd int, name string, isDirectory bool) error {
	flags := 0
	if isDirectory {
		flags = unix.AT_REMOVEDIR
	}
	err := retry(func() error { return unix.Unlinkat(dirfd, name, flags) })
	if err == unix.EEXIST {
		return unix.ENOTEMPTY
	}
	return err
}

// eraser empties a directory, the deepest entries first.
type eraser struct {
	store   *Store
	trail   trail
	removed int
}

func (s *Store) empty(ctx context.Context, p place) (removed int, err error) {
	top, err := openChild(p.fd(), p.name)
	if err != nil {
		return 0, err
	}
	top.prefix = string(p.path()) + "/"
	e := eraser{store: s}
	e.trail.push(top)
	defer e.trail.close()
	for {
		if err := ctx.Err(); err != nil {
			return e.removed, err
		}
		if done, err := e.step(); done || err != nil {
			return e.removed, err
		}
	}
}

// step removes one entry, goes into a directory or leaves an empty one.
func (e *eraser) step() (done bool, err error) {
	at := e.trail.last()
	if len(at.names) == 0 {
		return e.refill(at)
	}
	name := at.names[0]
	at.names = at.names[1:]
	path := storage.Path(at.prefix + name)
	if strings.HasPrefix(name, storage.Reserved) {
		return false, refuse(path[:len(at.prefix)-1], storage.ErrNotEmpty, "it holds files of the server's own")
	}
	stat, err := lstat(int(at.file.Fd()), name)
	if err == nil && kindOf(&stat) == storage.Directory {
		return false, e.enter(at, name)
	}
	if err == nil {
		err = removeEntry(int(at.file.Fd()), name, false)
	}
	return false, e.count(path, err)
}

// count books a removal. What has gone already is no error.
func (e *eraser) count(path storage.Path, err error) error {
	if err == nil {
		e.removed++
	}
	if err == unix.ENOENT {
		return nil
	}
	return e.store.fail(path, err)
}

func (e *eraser) enter(at *level, name string) error {
	path := at.prefix + name
	child, err := openChild(int(at.file.Fd()), name)
	if err != nil {
		return e.store.fail(storage.Path(path), err)
	}
	child.prefix = path + "/"
	e.trail.push(child)
	return nil
}

// refill reads more names. At the end of a directory it starts over, for a
// directory that is changed while it is read may skip some (readdir(3)), and
// leaves once there are none from the start.
func (e *eraser) refill(at *level) (done bool, err error) {
	path := storage.Path(strings.TrimSuffix(at.prefix, "/"))
	names, err := at.file.Readdirnames(readAhead)
	if err != nil && err != io.EOF {
		return false, e.store.fail(path, err)
	}
	at.names = names
	if len(names) > 0 {
		at.ended = false
		return false, nil
	}
	if !at.ended {
		at.ended = true
		_, err := at.file.Seek(0, io.SeekStart)
		return false, e.store.fail(path, err)
	}
	return e.leave(path)
}

// leave goes back up and removes the directory it was in.
func (e *eraser) leave(path storage.Path) (done bool, err error) {
	if len(e.trail.levels) == 1 {
		return true, nil // the caller removes this one
	}
	if err := e.trail.pop(); err != nil {
		return false, e.store.fail(path, err)
	}
	return false, e.count(path, removeEntry(int(e.trail.last().file.Fd()), base(path), true))
}

//go:build unix

package local

import (
	"context"
	"fmt"
	"io"
	"strings"
	"time"

	"ftpd/server/storage"

	"golang.org/x/sys/unix"
)

// Remove implements [storage.Storage]. A link goes, and what it names stays.
// A recursive removal holds at most maxOpen descriptors. It leaves the server's
// own files alone: a directory that an upload is staged in is not empty.
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

// remove begins again where what has the name is another thing by the time that
// it is removed, or has been filled anew.
func (s *Store) remove(ctx context.Context, p place, recursive bool) (removed int, err error) {
	for range attempts {
		var n int
		n, err = s.removeOnce(ctx, p, recursive)
		removed += n
		switch {
		case err == nil:
			return removed, s.durableDirectory(p.directory)
		case err != unix.ENOTDIR && err != unix.EISDIR && (err != unix.ENOTEMPTY || !recursive):
			return removed, err
		}
	}
	return removed, err
}

func (s *Store) removeOnce(ctx context.Context, p place, recursive bool) (removed int, err error) {
	if err := ctx.Err(); err != nil {
		return 0, err
	}
	isDirectory, err := s.removeFile(p.fd(), p.id())
	switch {
	case err != nil:
		return 0, err
	case !isDirectory:
		return 1, nil
	case recursive:
		if removed, err = s.empty(ctx, p); err != nil {
			return removed, err
		}
	}
	defer s.locks.lock(p.id())()
	if err := s.removeDirectory(p.fd(), p.name); err != nil {
		return removed, err
	}
	return removed + 1, nil
}

// removeFile removes an entry, unless that is a directory. A file must be told from
// what comes later by its ETag, for which it may wait.
func (s *Store) removeFile(dirfd int, id entryID) (isDirectory bool, err error) {
	for {
		var wait time.Duration
		isDirectory, wait, err = s.tryRemoveFile(dirfd, id)
		if wait == 0 {
			return isDirectory, err
		}
		time.Sleep(wait)
	}
}

// tryRemoveFile is removeFile unless it has to wait, and returns how long.
func (s *Store) tryRemoveFile(dirfd int, id entryID) (isDirectory bool, wait time.Duration, err error) {
	defer s.locks.lock(id)()
	stat, err := lstat(dirfd, id.name)
	if err != nil {
		return false, 0, err
	}
	if kindOf(&stat) == storage.Directory {
		return true, 0, nil
	}
	if wait := untilTold(&stat); wait > 0 {
		return false, wait, nil
	}
	err = s.change(Amount{}.Minus(amountOf(&stat)), func() error { return removeEntry(dirfd, id.name, false) })
	return false, 0, err
}

func (s *Store) removeDirectory(dirfd int, name string) error {
	return s.change(Amount{Files: -1}, func() error { return removeEntry(dirfd, name, true) })
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

// maxLeft bounds the names that an eraser remembers: where so many entries
// cannot go, it stops.
const maxLeft = 10_000

// eraser empties a directory, the deepest entries first. What cannot go stays,
// and so do the directories above it; all else goes.
type eraser struct {
	store   *Store
	trail   trail
	removed int
	failed  int   // entries that cannot go by themselves
	first   error // of theirs
	filled  int   // directories that were found empty, and were not when they were to go
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
	for done := false; !done && e.failed < maxLeft; {
		if err := ctx.Err(); err != nil {
			return e.removed, err
		}
		if done, err = e.step(); err != nil {
			return e.removed, err
		}
	}
	if e.failed > 0 {
		return e.removed, &remainder{first: e.first, count: e.failed}
	}
	return e.removed, nil
}

// remainder is a removal that left entries behind.
type remainder struct {
	first error // names the path that it concerns
	count int
}

func (r *remainder) Error() string {
	switch r.count {
	case 1:
		return r.first.Error()
	case maxLeft:
		return fmt.Sprintf("%v; %d more could not be removed, and the rest was not tried", r.first, r.count-1)
	}
	return fmt.Sprintf("%v; %d more could not be removed", r.first, r.count-1)
}

func (r *remainder) Unwrap() error { return r.first }

// step deals with one entry, goes into a directory or leaves one. An error is
// one that it cannot go on after.
func (e *eraser) step() (done bool, err error) {
	at := e.trail.last()
	if len(at.names) == 0 {
		return e.refill(at)
	}
	name := at.names[0]
	at.names = at.names[1:]
	if !at.left[name] {
		at.ended = false
		e.erase(at, name)
	}
	return false, nil
}

// erase removes an entry, or goes into it if it is a directory.
func (e *eraser) erase(at *level, name string) {
	if strings.HasPrefix(name, storage.Reserved) {
		e.leaveBehind(at, name, refuse(at.path(), storage.ErrNotEmpty, "it holds files of the server's own"))
		return
	}
	isDirectory, err := e.store.removeFile(int(at.file.Fd()), entryID{at.id, name})
	if isDirectory {
		e.enter(at, name)
		return
	}
	e.count(at, name, err)
}

// count books a removal. What has gone already is no error.
func (e *eraser) count(at *level, name string, err error) {
	switch err {
	case nil:
		e.removed++
	case unix.ENOENT:
	default:
		e.leaveBehind(at, name, err)
	}
}

// leaveBehind books an entry that cannot go.
func (e *eraser) leaveBehind(at *level, name string, err error) {
	at.leave(name)
	e.fail(storage.Path(at.prefix+name), err)
}

func (e *eraser) fail(path storage.Path, err error) {
	if e.failed++; e.first == nil {
		e.first = e.store.fail(path, err)
	}
}

// enter goes into a directory. One that cannot be opened may be empty.
func (e *eraser) enter(at *level, name string) {
	dirfd := int(at.file.Fd())
	child, err := openChild(dirfd, name)
	if err == nil {
		child.prefix = at.prefix + name + "/"
		e.trail.push(child)
		return
	}
	if e.store.removeDirectory(dirfd, name) == nil {
		err = nil
	}
	e.count(at, name, err)
}

// refill reads more names. At the end of a directory it starts over, for a
// directory that is changed while it is read may skip some (readdir(3)), and
// leaves once there are none from the start but those that cannot go.
func (e *eraser) refill(at *level) (done bool, err error) {
	at.names, err = at.file.Readdirnames(readAhead)
	switch {
	case err != nil && err != io.EOF:
		e.fail(at.path(), err)
		return e.leave(false)
	case len(at.names) > 0:
		return false, nil
	case at.ended:
		return e.leave(len(at.left) == 0)
	}
	at.ended = true
	if _, err := at.file.Seek(0, io.SeekStart); err != nil {
		e.fail(at.path(), err)
		return e.leave(false)
	}
	return false, nil
}

// leave goes back up and removes the directory it was in, if that is empty.
func (e *eraser) leave(empty bool) (done bool, err error) {
	if len(e.trail.levels) == 1 {
		return true, nil // the caller removes this one
	}
	path := e.trail.last().path()
	if err := e.trail.pop(); err != nil {
		return false, e.store.fail(path, err)
	}
	at := e.trail.last()
	if !empty {
		at.leave(base(path))
		return false, nil
	}
	err = e.store.removeDirectory(int(at.file.Fd()), base(path))
	if err == unix.ENOTEMPTY && e.filled < attempts {
		e.filled++
		e.enter(at, base(path))
		return false, nil
	}
	e.count(at, base(path), err)
	return false, nil
}

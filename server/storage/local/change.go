//go:build unix

package local

import (
	"strings"
	"time"

	"ftpd/server/storage"

	"golang.org/x/sys/unix"
)

// Mkdir implements [storage.Storage]. A mode that the client names is the
// directory's mode whatever the umask; that of missing parents is the default.
func (s *Store) Mkdir(path storage.Path, mode uint32, parents bool) error {
	if err := s.writable(path); err != nil {
		if parents && s.isDirectory(path) {
			return nil // nothing would change
		}
		return err
	}
	if parents {
		d, err := s.makeDirectories(path, mode)
		if err == nil {
			s.settle(d.births, true)
			d.close()
		}
		return s.fail(path, err)
	}
	if path == storage.Root {
		return s.fail(path, unix.EEXIST)
	}
	return s.at(path, func(p place) error {
		born, err := s.mkdir(p, mode)
		if born != nil {
			s.settle([]birth{*born}, err == nil)
		}
		return err
	})
}

func (s *Store) isDirectory(path storage.Path) bool {
	d, err := s.openDirectory(path)
	if err == nil {
		d.close()
	}
	return err == nil
}

// mkdir makes one directory and makes it durable. What it returns of the
// directory is to be settled, also on an error; nil is that it made none.
func (s *Store) mkdir(p place, mode uint32) (*birth, error) {
	initial := mode & 0o777
	if initial == 0 {
		initial = s.options.DirectoryMode & 0o777
	}
	charge, err := s.reserveDirectory(p)
	if err != nil {
		return nil, err
	}
	defer charge.release()
	born, err := s.fresh.make(p, func() error {
		return charge.settle(0, Amount{}, func() error {
			return retry(func() error { return unix.Mkdirat(p.fd(), p.name, initial) })
		})
	})
	if err != nil {
		return nil, err
	}
	if mode&0o777 != 0 {
		if err := chmodDirectory(p, born.id, mode&0o777); err != nil {
			return &born, err
		}
	}
	return &born, s.durableDirectory(p.directory)
}

// chmodDirectory gives a new directory the bits that the umask took. The
// set-group-ID bit, which it has from its parent, stays.
func chmodDirectory(p place, id fileID, mode uint32) error {
	l, err := openChild(p.fd(), p.name)
	switch err {
	case nil:
	case unix.EACCES, unix.ENOENT, unix.ENOTDIR, unix.ELOOP:
		return nil // not readable by its mode, or gone: nothing to mend
	default:
		return err
	}
	defer l.file.Close()
	if l.id != id {
		return nil // another has its name by now
	}
	fd := int(l.file.Fd())
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		return err
	}
	if uint32(stat.Mode)&0o777 == mode {
		return nil
	}
	return unix.Fchmod(fd, uint32(stat.Mode)&unix.S_ISGID|mode)
}

// Rename implements [storage.Storage]. Neither path's last component is
// followed if it is a link. A directory at to is never replaced, not even an
// empty one, which rename(2) would.
func (s *Store) Rename(from, to storage.Path, options storage.RenameOptions) error {
	if err := s.writable(from); err != nil {
		return err
	}
	switch {
	case from == storage.Root || to == storage.Root:
		return refuse(from, storage.ErrInvalid, "the served directory itself cannot be renamed or replaced")
	case strings.HasPrefix(string(to), string(from)+"/"):
		return refuse(from, storage.ErrInvalid, "a directory cannot move into itself")
	}
	source, err := s.openDirectory(from.Dir())
	if err != nil {
		return s.fail(from, err)
	}
	defer source.close()
	if _, err := lstat(source.fd(), base(from)); err != nil {
		return s.fail(from, err)
	}
	target, err := s.openTarget(to.Dir(), options)
	if err != nil {
		return s.fail(to, err)
	}
	defer target.close()
	err = s.move(place{&source, base(from)}, place{&target, base(to)}, options)
	s.settle(target.births, err == nil)
	return err
}

func (s *Store) openTarget(path storage.Path, options storage.RenameOptions) (directory, error) {
	if options.Parents {
		return s.makeDirectories(path, 0)
	}
	return s.openDirectory(path)
}

// move renames, and makes it durable. What it replaces must be told from what comes
// later by its ETag, for which it may wait.
func (s *Store) move(from, to place, options storage.RenameOptions) error {
	for {
		wait, err := s.tryMove(from, to, options)
		if err != nil {
			return err
		}
		if wait == 0 {
			return s.fail(to.path(), s.durableRename(from, to))
		}
		time.Sleep(wait)
	}
}

// tryMove renames unless it has to wait, and returns how long.
func (s *Store) tryMove(from, to place, options storage.RenameOptions) (wait time.Duration, err error) {
	defer s.locks.lockBoth(from.id(), to.id())()
	stat, err := to.lstat()
	var replaced Amount
	switch {
	case err == nil && options.NoReplace:
		return 0, s.fail(to.path(), unix.EEXIST)
	case err == nil && from.id() == to.id(): // nothing is replaced
	case err == nil && kindOf(&stat) == storage.Directory:
		return 0, s.fail(to.path(), unix.EISDIR)
	case err == nil:
		if wait := untilTold(&stat); wait > 0 {
			return wait, nil
		}
		replaced = amountReplaced(from, &stat)
	}
	err = s.change(Amount{}.Minus(replaced), func() error {
		if options.NoReplace {
			return s.renameExclusive(from, to)
		}
		return rename(from, to)
	})
	if err != nil {
		return 0, s.fail(blame(err, from, to), err)
	}
	return 0, nil
}

// amountReplaced is what goes where from is renamed to what stat describes. Of two names
// of one file rename(2) leaves both.
func amountReplaced(from place, stat *unix.Stat_t) Amount {
	if stat.Nlink > 1 {
		if moved, err := from.lstat(); err == nil && idOf(&moved) == idOf(stat) {
			return Amount{}
		}
	}
	return amountOf(stat)
}

// durableRename makes both sides of a rename durable, the new name first.
func (s *Store) durableRename(from, to place) error {
	if err := s.durableDirectory(to.directory); err != nil || idOf(&from.stat) == idOf(&to.stat) {
		return err
	}
	return s.durableDirectory(from.directory)
}

// blame tells which of the two paths a failed rename(2) is about.
func blame(err error, from, to place) storage.Path {
	switch err {
	case unix.EEXIST, unix.EISDIR, unix.ENOTDIR, unix.ENOTEMPTY, unix.ENOSPC, unix.EDQUOT:
		return to.path()
	default:
		return from.path()
	}
}

// renameByLink is renameExclusive by link(2), which never replaces, and
// unlink. A directory cannot be linked: there a check comes before the rename,
// and another program can come between the two.
func (s *Store) renameByLink(from, to place) error {
	stat, err := from.lstat()
	if err != nil {
		return err
	}
	if kindOf(&stat) == storage.Directory {
		if _, err := to.lstat(); err != unix.ENOENT {
			return unix.EEXIST
		}
		return rename(from, to)
	}
	if err := s.root.Link(string(from.path()), string(to.path())); err != nil {
		return err
	}
	return from.unlink()
}

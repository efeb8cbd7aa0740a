//go:build unix

package local

import (
	"errors"
	"io/fs"
	"strings"
	"time"

	"ftpd/server/storage"

	"golang.org/x/sys/unix"
)

// Commit implements [storage.Staging]. In this order: mode and time, fsync of
// the file, rename, fsync of the directory. So whatever a power failure leaves
// under the path is the old file or the whole new one.
//
// Only where the last step fails is the path not as it was: the new file is
// there, and whether it would survive a power failure is not known.
func (st *staging) Commit(attributes storage.Attributes) (storage.Info, error) {
	fd, ok := st.seal()
	if !ok {
		return storage.Info{}, st.store.fail(st.path, fs.ErrClosed)
	}
	info, published, err := st.publish(fd, attributes)
	if !published {
		if isNotExist(err) && unlinked(fd) {
			err = errLost // and not the path's fault
		}
		_ = st.home.unlink()
	}
	st.release(fd)
	if published && st.resumable == nil && st.store.keeps(&st.options) {
		st.store.outdate(resumeName(st.path, st.options.Resume.Source))
	}
	return info, st.store.fail(st.path, err)
}

// unlinked tells whether an open file has no name any more.
func unlinked(fd int) bool {
	var stat unix.Stat_t
	err := retry(func() error { return unix.Fstat(fd, &stat) })
	return err == nil && stat.Nlink == 0
}

func (st *staging) publish(fd int, attributes storage.Attributes) (info storage.Info, published bool, err error) {
	s := st.store
	s.gate.enter()
	defer s.gate.leave()
	parent, err := st.openParent()
	if err != nil {
		return info, false, err
	}
	defer func() {
		s.settle(parent.births, published)
		parent.close()
	}()
	if err := st.dress(fd, &parent, attributes, 0o600); err != nil {
		return info, false, err
	}
	if err := s.gate.outside(func() error { return s.durable(fd, idOf(&parent.stat).device) }); err != nil {
		return info, false, err
	}
	if err := st.moveInto(&parent, fd); err != nil {
		return info, false, err
	}
	if err := s.gate.outside(func() error { return s.durableDirectory(&parent) }); err != nil {
		return info, true, err
	}
	// Not before now: rename(2) and link(2) change a file's ctime, and so its ETag.
	var stat unix.Stat_t
	err = retry(func() error { return unix.Fstat(fd, &stat) })
	if err == nil {
		st.remember(&stat)
	}
	return infoOf(&stat), true, err
}

func (st *staging) openParent() (directory, error) {
	if st.options.Parents {
		return st.store.makeDirectories(st.path.Dir(), 0)
	}
	return st.store.openDirectory(st.path.Dir())
}

// dress gives the file its group, mode and time. The group is that of a
// set-group-ID parent, as it would be had the file been made there. It comes
// before the mode, which chown(2) can change, and a server that may not give
// it leaves the file its own.
//
// made is the mode with which it was made, before the umask.
func (st *staging) dress(fd int, parent *directory, attributes storage.Attributes, made uint32) error {
	inherits := uint32(parent.stat.Mode)&unix.S_ISGID != 0
	if inherits {
		if err := unix.Fchown(fd, -1, int(parent.stat.Gid)); err != nil && err != unix.EPERM {
			return err
		}
	}
	if mode := st.mode(attributes); inherits || mode != made&^st.instance.umask {
		if err := retry(func() error { return unix.Fchmod(fd, mode) }); err != nil {
			return err
		}
	}
	if attributes.Mtime.IsZero() {
		return nil
	}
	return setMtime(st.store.root, st.home, attributes.Mtime)
}

// mode returns the permission bits that the file is to have.
func (st *staging) mode(attributes storage.Attributes) uint32 {
	if mode := attributes.Mode & 0o777; mode != 0 {
		return mode
	}
	return st.store.options.FileMode & 0o777 &^ st.instance.umask
}

// moveInto is moveTo for the path's own directory. Where that is to be made if it is
// missing, and somebody has removed it meanwhile, it is made again.
func (st *staging) moveInto(parent *directory, fd int) (err error) {
	for range attempts {
		err = st.moveTo(place{parent, base(st.path)})
		if !isNotExist(err) || !st.options.Parents || unlinked(fd) {
			break
		}
		again, failure := st.openParent()
		if failure != nil {
			return failure
		}
		st.store.settle(parent.births, false)
		parent.close()
		*parent = again
	}
	return err
}

// moveTo puts the file under its name, if the conditions still hold. What it
// replaces must be told from what comes later by its ETag, for which it may wait.
func (st *staging) moveTo(target place) error {
	for {
		wait, err := st.tryMove(target)
		if wait == 0 {
			return err
		}
		_ = st.store.gate.outside(func() error { time.Sleep(wait); return nil })
	}
}

// tryMove is moveTo unless it has to wait, and returns how long.
func (st *staging) tryMove(target place) (wait time.Duration, err error) {
	defer st.store.locks.lock(target.id())()
	replaced, err := checkTarget(target, st.options)
	if err != nil {
		return 0, err
	}
	size, err := st.lastSize()
	if err != nil {
		return 0, err
	}
	if wait := untilTold(&replaced); wait > 0 {
		return wait, nil
	}
	return 0, st.charge.settle(size, amountOf(&replaced), func() error {
		if st.options.CreateOnly {
			return st.store.renameExclusive(st.home, target)
		}
		return rename(st.home, target)
	})
}

func rename(from, to place) error {
	return retry(func() error { return unix.Renameat(from.fd(), from.name, to.fd(), to.name) })
}

// attempts is how often a change begins again that others have come in the way
// of, who have won each time.
const attempts = 100

// makeDirectories opens a directory and makes what is missing on the way to
// it; mode is as in Mkdir, and is not that of the others. Each is durable when
// it returns; the caller settles what becomes of them, and on an error none is
// left. It begins again where a directory that it found is removed meanwhile;
// that a link on the way leads nowhere looks the same.
func (s *Store) makeDirectories(path storage.Path, mode uint32) (d directory, err error) {
	for range attempts {
		if d, err = s.nearest(path); err == nil {
			d, err = s.descend(d, path, mode)
		}
		if !isNotExist(err) {
			break
		}
	}
	return d, err
}

// settle ends a call that has made directories.
func (s *Store) settle(births []birth, done bool) {
	switch {
	case len(births) == 0:
	case done:
		s.fresh.keep(births)
	default:
		s.takeBack(births)
	}
}

// nearest opens a directory or, where it is missing, the nearest one above it
// that is there.
func (s *Store) nearest(path storage.Path) (directory, error) {
	d, err := s.openDirectory(path)
	for isNotExist(err) && path != storage.Root {
		path = path.Dir()
		d, err = s.openDirectory(path)
	}
	return d, err
}

// descend goes on from d, which is closed, to a path below it, and makes each
// directory that it enters.
func (s *Store) descend(d directory, path storage.Path, mode uint32) (directory, error) {
	var births []birth
	err := s.fresh.adopt(&d)
	for err == nil && d.path != path {
		next := d.path.Join(firstBelow(d.path, path))
		bits := uint32(0)
		if next == path {
			bits = mode
		}
		d, births, err = s.enter(d, next, bits, births)
	}
	if err != nil {
		d.close()
		s.takeBack(births)
		return directory{}, err
	}
	d.births = births
	return d, nil
}

// enter makes a directory in d, unless it is there, and opens it in d's place.
func (s *Store) enter(d directory, next storage.Path, mode uint32, births []birth) (directory, []birth, error) {
	born, err := s.mkdir(place{&d, base(next)}, mode)
	if born != nil {
		births = append(births, *born)
	}
	if err != nil && err != unix.EEXIST {
		return d, births, err
	}
	below, err := s.openDirectory(next)
	if err != nil {
		return d, births, err
	}
	d.close()
	if born == nil {
		err = s.fresh.adopt(&below)
	}
	return below, births, err
}

// firstBelow returns the first component of path, which is below dir, after dir.
func firstBelow(dir, path storage.Path) string {
	rest := string(path)
	if dir != storage.Root {
		rest = rest[len(dir)+1:]
	}
	name, _, _ := strings.Cut(rest, "/")
	return name
}

func isNotExist(err error) bool { return errors.Is(err, fs.ErrNotExist) }

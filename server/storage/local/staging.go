//go:build unix

package local

import (
	"crypto/rand"
	"errors"
	"io/fs"
	"sync/atomic"

	"ftpd/server/storage"

	"golang.org/x/sys/unix"
)

// smallFile is the size up to which a file is just written, in bytes.
const smallFile = 64 << 10

// staging is a file in the making as a [storage.Staging]. It is either in the
// store's instance directory or, if it can be gone on with, in the directory for
// that (resume.go), or, where the target is on another file system, beside the
// target; rename(2) does not cross file systems.
type staging struct {
	store    *Store
	instance *instance
	path     storage.Path // of the file to be
	options  storage.CreateOptions
	descriptor
	home   place  // where the file is until it is committed
	record string // the entry of the instance that names home where it is beside the target, or ""

	learned learned
	written atomic.Int64 // bytes, those that were written twice included

	charge    *charge    // nil where there is no quota
	resumable *resumable // nil where it is gone when it is ended
	shared    *shared    // nil where Join does not find it
}

// Create implements [storage.Storage]. What would make the commit fail is
// looked for here already, so that nothing is sent in vain: a directory or
// other special file under path, the conditions, permission to write to the
// parent directory, room on its file system. Missing parents are made by the
// commit, so that an aborted upload leaves none. A link under path is not
// followed: the commit puts the file in its place, as rename(2) does, and so
// no ETag matches it.
func (s *Store) Create(path storage.Path, options storage.CreateOptions) (storage.Staging, error) {
	if err := s.writable(path); err != nil {
		return nil, err
	}
	if path == storage.Root {
		return nil, s.fail(path, unix.EISDIR)
	}
	if s.keeps(&options) {
		switch st, err := s.resume(path, options); {
		case err != nil:
			return nil, s.fail(path, err)
		case st != nil:
			return st, nil
		}
	}
	s.gate.enter()
	defer s.gate.leave()
	parent, replaced, err := s.parentOf(path, options)
	if err != nil {
		return nil, s.fail(path, err)
	}
	var st *staging
	charge, err := s.reserveOutside(options.Size, &replaced)
	if err == nil {
		st, err = s.stage(path, options, &parent, charge)
	}
	if err != nil {
		charge.release()
		parent.close()
		return nil, s.fail(path, err)
	}
	if st.home.directory != &parent {
		parent.close()
	}
	return st, nil
}

// parentOf opens the directory that is to hold path, or with Parents the
// nearest one above it that is there, and checks what can be checked of it. replaced
// is what has the name now.
func (s *Store) parentOf(path storage.Path, options storage.CreateOptions) (d directory, replaced unix.Stat_t, err error) {
	open := s.openDirectory
	if options.Parents {
		open = s.nearest
	}
	if d, err = open(path.Dir()); err != nil {
		return directory{}, replaced, err
	}
	if d.path == path.Dir() {
		replaced, err = checkTarget(place{&d, base(path)}, options)
	} else if options.IfMatch != 0 {
		err = storage.ErrChanged
	}
	if err == nil {
		err = d.roomFor(options.Size)
	}
	if err != nil {
		d.close()
		return directory{}, replaced, err
	}
	return d, replaced, nil
}

// checkTarget tells whether a file may be put under a name, and what it would
// replace; the zero value is nothing.
func checkTarget(p place, options storage.CreateOptions) (replaced unix.Stat_t, err error) {
	stat, err := p.lstat()
	switch {
	case err == unix.ENOENT && options.IfMatch != 0:
		return unix.Stat_t{}, storage.ErrChanged
	case err == unix.ENOENT:
		return unix.Stat_t{}, nil
	case err != nil:
		return unix.Stat_t{}, err
	case options.CreateOnly:
		return stat, unix.EEXIST
	}
	switch info := infoOf(&stat); {
	case info.Kind == storage.Directory || info.Kind == storage.Special:
		return stat, regular(&stat)
	case options.IfMatch != 0 && options.IfMatch != info.ETag:
		return stat, storage.ErrChanged
	default:
		return stat, nil
	}
}

// roomFor tells whether a file of size bytes may be made in the directory.
//
// Of a small file it is not asked: what is sent in vain is little, and writing and
// renaming tell.
func (d *directory) roomFor(size int64) error {
	if size > 0 && size <= smallFile {
		return nil
	}
	err := retry(func() error { return unix.Faccessat(d.fd(), ".", unix.W_OK|unix.X_OK, unix.AT_EACCESS) })
	if err != nil || size <= 0 {
		return err
	}
	// A file system that cannot tell is asked by writing to it.
	if free, err := available(d.fd()); err == nil && free < size {
		return unix.ENOSPC
	}
	return nil
}

// blocks returns the bytes in count blocks, which is negative on a FreeBSD
// file system that has eaten into its reserve.
func blocks(count, size int64) int64 { return max(count, 0) * size }

// stage makes the staging file, if need be in an instance that is made again:
// somebody who tidies up may remove what a server that runs for months keeps.
func (s *Store) stage(path storage.Path, options storage.CreateOptions, parent *directory, charge *charge) (*staging, error) {
	var gone *instance
	for range 2 {
		i, err := s.own(gone)
		if err != nil {
			return nil, err
		}
		st := &staging{store: s, instance: i, path: path, options: options, charge: charge}
		if err = st.make(parent); err == nil {
			return st, nil
		}
		s.disown(i)
		if !errors.Is(err, errLost) {
			return nil, err
		}
		gone = i
	}
	return nil, errLost
}

// make makes the staging file and takes it into the store's books. The error
// is errLost where the instance is gone.
func (st *staging) make(parent *directory) error {
	s, i := st.store, st.instance
	inside := idOf(&parent.stat).device == s.topID.device
	if inside {
		st.home = place{&i.directory, i.nextName()}
	} else if err := st.besideTarget(parent); err != nil {
		return s.lostIf(err)
	}
	err := st.open(0o600)
	if inside {
		err = s.lostIf(err)
	}
	if err == nil {
		err = s.enlist(st)
	}
	if err != nil {
		st.dropRecord()
	}
	return err
}

// open makes the file itself.
func (st *staging) open(mode uint32) error {
	const flags = unix.O_RDWR | unix.O_CREAT | unix.O_EXCL | unix.O_NOFOLLOW | unix.O_CLOEXEC
	return retry(func() (err error) {
		st.fd, err = unix.Openat(st.home.fd(), st.home.name, flags, mode)
		return err
	})
}

// lostIf makes errLost of what making an entry of the instance fails with where
// that was removed (on a network file system it is ESTALE) or, for a record,
// which is made by its path, where something else is in its place.
func (s *Store) lostIf(err error) error {
	for _, lost := range []error{unix.ENOENT, unix.ESTALE, unix.ENOTDIR, unix.ELOOP, s.escapes} {
		if errors.Is(err, lost) {
			return errLost
		}
	}
	return err
}

// besideTarget chooses a hidden name in the target's own directory and first
// records it, as a link, which is made with its content in one step.
func (st *staging) besideTarget(parent *directory) error {
	record := besidePrefix + st.instance.nextName()
	st.home = place{parent, storage.Reserved + rand.Text()}
	err := st.store.root.Symlink(string(st.home.path()), string(st.instance.path.Join(record)))
	if err == nil {
		st.record = record
	}
	return err
}

func (st *staging) dropRecord() {
	if st.record != "" {
		_ = unix.Unlinkat(st.instance.fd(), st.record, 0)
	}
}

// enlist makes Close abort the staging file.
func (s *Store) enlist(st *staging) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		_ = st.close()
		_ = st.home.unlink()
		return fs.ErrClosed
	}
	s.staged[st] = struct{}{}
	return nil
}

// WriteAt implements [storage.Staging].
func (st *staging) WriteAt(p []byte, offset int64) (int, error) {
	st.store.gate.enter()
	defer st.store.gate.leave()
	if err := st.charge.grow(offset + int64(len(p))); err != nil {
		return 0, st.store.fail(st.path, err)
	}
	n, err := st.writeAt(p, offset)
	st.writeBack(int64(n))
	return n, st.store.fail(st.path, err)
}

// writeBehind is how many bytes are written before the disk is told to begin with them.
const writeBehind = 16 << 20

// writeBack has the disk begin with what was written, so that the sync of a large file
// has little to wait for.
func (st *staging) writeBack(n int64) {
	if st.store.options.NoSync {
		return
	}
	if written := st.written.Add(n); written/writeBehind == (written-n)/writeBehind {
		return
	}
	st.mu.RLock()
	defer st.mu.RUnlock()
	if !st.closed {
		startWriteback(st.fd)
	}
}

// Abort implements [storage.Staging].
func (st *staging) Abort() error {
	fd, ok := st.seal()
	if !ok {
		return nil
	}
	err := st.home.unlink()
	st.release(fd)
	return st.store.fail(st.path, err)
}

// release gives up all that a sealed staging file holds but its name.
func (st *staging) release(fd int) {
	_ = unix.Close(fd)
	st.charge.release()
	st.dropRecord()
	if st.record != "" {
		st.home.close()
	}
	if st.resumable != nil {
		st.releaseResumable()
	}
	st.store.mu.Lock()
	delete(st.store.staged, st)
	st.store.mu.Unlock()
	st.store.disown(st.instance)
}

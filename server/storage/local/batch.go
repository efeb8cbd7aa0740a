//go:build unix

package local

import (
	"errors"

	"ftpd/server/storage"

	"golang.org/x/sys/unix"
)

// StoreEach implements [storage.Storage], in the steps of Create and Commit, each for
// all files before the next: so they wait for the disk together, and a directory is
// looked up once for those in it. Where the system can, a file is made without a name
// in the directory that it is for, which costs less than a rename from another one, and
// leaves nothing to be swept.
func (s *Store) StoreEach(files []storage.Whole) []storage.Stored {
	b := batch{store: s, files: make([]batchFile, len(files)), stored: make([]storage.Stored, len(files))}
	s.gate.enter()
	defer s.gate.leave()
	for i := range files {
		b.stage(i, &files[i])
	}
	b.sync()
	for i := range b.files {
		b.publish(i)
	}
	b.syncDirectories()
	for i := range b.files {
		b.finish(i)
	}
	b.close()
	for i := range files {
		if b.files[i].elsewhere {
			s.gate.leave() // which Create and Commit enter
			b.stored[i].Info, b.stored[i].Err = storage.Store(s, &files[i])
			s.gate.enter()
		} else {
			b.stored[i].Err = s.fail(files[i].Path, b.stored[i].Err)
		}
	}
	return b.stored
}

// batch is a StoreEach in progress.
type batch struct {
	store    *Store
	instance *instance // nil until the first file; then it is used until close
	parents  []*batchParent
	files    []batchFile
	stored   []storage.Stored
}

// batchParent is a directory that files of a batch go to.
type batchParent struct {
	directory
	published bool // something was put there
	// granted are permissions that files without a name have been found to get here:
	// the umask, or what the directory prescribes, may keep some from them.
	granted uint32
}

// batchFile is a file of a batch. Where it has failed, parent is nil and nothing is
// left of it.
type batchFile struct {
	staging
	parent    *batchParent
	unnamed   bool // it has no name yet
	elsewhere bool // it goes by itself, by Create and Commit
}

// stage makes a file, writes it, and gives it its mode and time.
func (b *batch) stage(i int, w *storage.Whole) {
	f := &b.files[i]
	err := b.store.writable(w.Path)
	if err == nil && w.Path == storage.Root {
		err = unix.EISDIR
	}
	var parent *batchParent
	if err == nil {
		parent, err = b.parent(w.Path.Dir(), w.Parents)
	}
	if err == nil && b.instance == nil {
		b.instance, err = b.store.own(nil)
	}
	if err == nil && idOf(&parent.stat).device != b.store.topID.device {
		f.elsewhere = true
		return
	}
	if err == nil {
		f.store, f.instance, f.path, f.options = b.store, b.instance, w.Path, w.CreateOptions
		err = f.reserve(w, parent)
	}
	if err == nil {
		if err = f.make(w, parent); err != nil {
			f.charge.release()
		}
		f.elsewhere = f.elsewhere || f.unnamed && w.Parents && isNotExist(err) // as in publish
	}
	if err == nil {
		if err = f.fill(w, parent); err != nil {
			f.discard()
		}
	}
	if err == nil {
		f.parent = parent
		if len(w.Content) > 0 {
			f.learn(0, w.Digest)
		}
	}
	b.stored[i].Err = err
}

// parent opens a directory, unless an earlier file has had it opened.
func (b *batch) parent(path storage.Path, create bool) (*batchParent, error) {
	for _, p := range b.parents {
		if p.path == path {
			return p, nil
		}
	}
	open := b.store.openDirectory
	if create {
		open = func(path storage.Path) (directory, error) { return b.store.makeDirectories(path, 0) }
	}
	d, err := open(path)
	if err != nil {
		return nil, err
	}
	p := &batchParent{directory: d}
	b.parents = append(b.parents, p)
	return p, nil
}

// reserve makes the reservation. Only where there is no room it is asked what the file
// replaces.
func (f *batchFile) reserve(w *storage.Whole, parent *batchParent) (err error) {
	if f.charge, err = f.store.reserve(int64(len(w.Content)), Amount{}, false); err == nil {
		return nil
	}
	replaced, err := checkTarget(place{&parent.directory, base(w.Path)}, w.CreateOptions)
	if err == nil {
		f.charge, err = f.store.reserveOutside(int64(len(w.Content)), &replaced)
	}
	return err
}

// make makes the file, with its mode where that is already known to be right.
func (f *batchFile) make(w *storage.Whole, parent *batchParent) (err error) {
	if f.unnamed = f.instance.unnamed; f.unnamed {
		f.fd, err = openUnnamed(parent.fd(), f.mode(w.Attributes))
		if err == unix.EPERM && isNotExist(lookInto(parent.fd())) {
			err = unix.ENOENT // as ext4 does not say of a directory that was removed
		}
		return err
	}
	f.home = place{&f.instance.directory, f.instance.nextName()}
	err = f.store.lostIf(f.open(f.mode(w.Attributes)))
	f.elsewhere = errors.Is(err, errLost)
	return err
}

// fill gives the file all but its name.
func (f *batchFile) fill(w *storage.Whole, parent *batchParent) error {
	if len(w.Content) > 0 {
		if _, err := f.writeAt(w.Content, 0); err != nil {
			return err
		}
	}
	if !f.unnamed {
		return f.dress(f.fd, &parent.directory, w.Attributes, f.mode(w.Attributes))
	}
	if err := parent.grant(f.fd, f.mode(w.Attributes)); err != nil || w.Mtime.IsZero() {
		return err
	}
	return setMtimeOf(f.fd, w.Mtime)
}

// grant gives a file that was made with a mode what it did not get of that. Its group
// is right: it was made in its directory.
func (p *batchParent) grant(fd int, mode uint32) error {
	if mode&^p.granted == 0 {
		return nil
	}
	var stat unix.Stat_t
	err := retry(func() error { return unix.Fstat(fd, &stat) })
	if err != nil {
		return err
	}
	p.granted |= mode & uint32(stat.Mode)
	if uint32(stat.Mode)&0o777 == mode {
		return nil
	}
	return retry(func() error { return unix.Fchmod(fd, mode) })
}

// discard leaves nothing of a file that is not published.
func (f *batchFile) discard() {
	if !f.unnamed {
		_ = f.home.unlink()
	}
	_ = unix.Close(f.fd)
	f.charge.release()
	f.parent = nil
}

// sync makes the content of all files durable, and drops those of which it cannot.
func (b *batch) sync() {
	var staged []int
	var fds []int
	for i := range b.files {
		if b.files[i].parent != nil {
			staged = append(staged, i)
			fds = append(fds, b.files[i].fd)
		}
	}
	for n, err := range b.durable(fds) {
		if err != nil {
			b.stored[staged[n]].Err = err
			b.files[staged[n]].discard()
		}
	}
}

// durable waits for a sync of each of fds, outside of the gate.
func (b *batch) durable(fds []int) (errs []error) {
	if b.store.options.NoSync || len(fds) == 0 {
		return nil
	}
	_ = b.store.gate.outside(func() error {
		errs = b.store.syncs.of(b.store.topID.device).sync(fds...)
		return nil
	})
	return errs
}

// publish puts a file under its name.
func (b *batch) publish(i int) {
	f := &b.files[i]
	if f.parent == nil {
		return
	}
	target := place{&f.parent.directory, base(f.path)}
	published, err := f.appear(target)
	if err == nil && !published {
		err = f.moveTo(target)
	}
	if err != nil {
		switch {
		case !isNotExist(err):
		case !f.unnamed && unlinked(f.fd):
			err = errLost // and not the path's fault
		case f.options.Parents:
			f.elsewhere = true // somebody has removed the directory, which is made again
		}
		b.stored[i].Err = err
		f.discard()
		return
	}
	f.parent.published = true
}

// appear gives a file without a name its own where that is free, in one step. Where it
// is taken, the file gets one that moveTo can rename.
func (f *batchFile) appear(target place) (published bool, err error) {
	if !f.unnamed {
		return false, nil
	}
	if f.options.IfMatch == 0 && !f.charge.lends() {
		if err = f.link(target); err == nil || err != unix.EEXIST || f.options.CreateOnly {
			return true, err
		}
	}
	f.home = place{&f.instance.directory, f.instance.nextName()}
	if err = f.store.lostIf(linkUnnamed(f.fd, f.home)); err == nil {
		f.unnamed = false
	}
	f.elsewhere = errors.Is(err, errLost)
	return false, err
}

// link gives the file its name. What is counted by the lock of the name must come by it too.
func (f *batchFile) link(target place) error {
	if f.charge == nil {
		return linkUnnamed(f.fd, target)
	}
	defer f.store.locks.lock(target.id())()
	size, err := f.lastSize()
	if err != nil {
		return err
	}
	return f.charge.settle(size, Amount{}, func() error { return linkUnnamed(f.fd, target) })
}

// syncDirectories makes the new names durable.
func (b *batch) syncDirectories() {
	var fds []int
	var parents []*batchParent
	for _, p := range b.parents {
		if p.published {
			fds, parents = append(fds, p.fd()), append(parents, p)
		}
	}
	for n, err := range b.durable(fds) {
		if err = unlessUnsupported(err); err == nil {
			continue
		}
		for i := range b.files {
			if b.files[i].parent == parents[n] {
				b.stored[i].Err = err
			}
		}
	}
}

// finish describes a file that was published. Not before now: rename(2) and link(2)
// change its ctime, and so its ETag.
func (b *batch) finish(i int) {
	f := &b.files[i]
	if f.parent == nil {
		return
	}
	var stat unix.Stat_t
	err := retry(func() error { return unix.Fstat(f.fd, &stat) })
	b.stored[i].Info = infoOf(&stat)
	if b.stored[i].Err == nil {
		b.stored[i].Err = err
	}
	if b.stored[i].Err == nil {
		f.remember(&stat)
	}
	_ = unix.Close(f.fd)
}

// close gives up what the files had in common.
func (b *batch) close() {
	for _, p := range b.parents {
		b.store.settle(p.births, p.published)
		p.close()
	}
	if b.instance != nil {
		b.store.disown(b.instance)
	}
}

package client

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"sync"
	"syscall"
	"time"
)

// keepOpen is how many directories of a tree stay open though nobody uses
// them, where the descriptors suffice.
const keepOpen = 64

// localDirs are the directories of a local tree. They are reached from the
// top one name at a time, and none by a symbolic link: what a server named
// stays in the tree, and in the directory that it named. Only a tree that is
// read may follow links, where its user wants that.
type localDirs struct {
	base  string
	keep  int // how many stay open though nobody uses them
	links Links

	mu     sync.Mutex
	open   map[string]*localDir // by path below base, with slashes
	made   []madeDir            // in the order of their making
	opened int                  // how many have been
}

// localDir is an open directory.
type localDir struct {
	root   *os.Root
	users  int
	used   int // localDirs.opened when it was used last
	direct direct
}

func (d *localDir) close() {
	_ = d.root.Close() // nothing is written through it
	d.direct.close()
}

// madeDir is a directory that gets its mode and time when all that it holds is
// there.
type madeDir struct {
	path  string
	mode  fs.FileMode
	mtime time.Time
}

func openLocalDirs(base string, keep int) (*localDirs, error) {
	root, err := os.OpenRoot(base)
	if err != nil {
		return nil, localError("open", base, err)
	}
	top := &localDir{root: root, users: 1} // it stays
	return &localDirs{base: base, keep: keep, open: map[string]*localDir{".": top}}, nil
}

// use opens a directory, or finds it open. Its user calls release.
func (d *localDirs) use(path string) (*localDir, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.useLocked(path)
}

func (d *localDirs) useLocked(path string) (*localDir, error) {
	if dir := d.open[path]; dir != nil {
		dir.users++
		dir.used = d.opened
		return dir, nil
	}
	parent, name := split(path)
	above, err := d.useLocked(parent)
	if err != nil {
		return nil, err
	}
	defer func() { above.users-- }()
	root, err := d.openDir(above.root, name, path)
	if err != nil {
		return nil, localError("open", localPath(d.base, path), err)
	}
	d.shrink()
	d.opened++
	dir := &localDir{root: root, users: 1, used: d.opened}
	d.open[path] = dir
	return dir, nil
}

// openDir opens a directory that is no symbolic link, unless links are followed.
func (d *localDirs) openDir(root *os.Root, name, path string) (*os.Root, error) {
	info, err := root.Lstat(name)
	switch {
	case err != nil:
		return nil, err
	case info.IsDir():
		return root.OpenRoot(name)
	case info.Mode()&fs.ModeSymlink != 0 && d.links == CopyLinks:
		return os.OpenRoot(localPath(d.base, path)) // which may lead out of the tree
	}
	return nil, syscall.ENOTDIR
}

// shrink closes directories that nobody uses if many are open: those that were not
// used for long, for a directory of many files is used again and again.
func (d *localDirs) shrink() {
	for _, age := range [...]int{d.keep / 2, 0} {
		if len(d.open) <= d.keep {
			return
		}
		for path, dir := range d.open {
			if dir.users == 0 && d.opened-dir.used >= age {
				dir.close()
				delete(d.open, path)
			}
		}
	}
}

func (d *localDirs) release(dir *localDir) {
	d.mu.Lock()
	dir.users--
	d.mu.Unlock()
}

// make makes a directory, or finds it there.
func (d *localDirs) make(path string, info Info) error {
	parent, name := split(path)
	above, err := d.use(parent)
	if err != nil {
		return err
	}
	defer d.release(above)
	err = above.root.Mkdir(name, unfinished(info.Mode))
	switch {
	case err == nil:
		d.willFinish(path, info)
		return nil
	case !errors.Is(err, fs.ErrExist):
		return localError("mkdir", localPath(d.base, path), err)
	}
	if found, err := above.root.Lstat(name); err != nil || !found.IsDir() {
		return localError("mkdir", localPath(d.base, path), syscall.ENOTDIR)
	}
	d.sweep(path)
	return nil
}

// sweep removes what transfers that were killed have left in a directory.
func (d *localDirs) sweep(path string) {
	dir, err := d.use(path)
	if err != nil {
		return // whoever has something to do there is told
	}
	defer d.release(dir)
	sweepParts(dir.root)
}

// unfinished returns the mode of a directory that is to be filled. Nobody but its
// owner may write there before it is complete; otherwise it has the mode that it will
// have, for it stays so where the transfer is killed, and the next one finds it made.
func unfinished(mode fs.FileMode) fs.FileMode { return mode.Perm()&^0o022 | 0o700 }

func (d *localDirs) willFinish(path string, info Info) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.made = append(d.made, madeDir{path, info.Mode.Perm(), info.Mtime})
}

// finish gives the directories that were made their modes and times, the
// deepest first, and closes all. It reports each that it cannot.
func (d *localDirs) finish(report func(path string, err error)) {
	for i := len(d.made) - 1; i >= 0; i-- {
		m := &d.made[i]
		if err := d.finishOne(m); err != nil {
			report(m.path, err)
		}
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, dir := range d.open {
		dir.close()
	}
	clear(d.open)
}

func (d *localDirs) finishOne(m *madeDir) error {
	dir, err := d.use(m.path)
	if err != nil {
		return err
	}
	defer d.release(dir)
	// The time comes first, because the mode may take the right to search the
	// directory, without which its owner cannot name it as ".".
	err = dir.root.Chtimes(".", m.mtime, m.mtime)
	if err == nil {
		err = dir.root.Chmod(".", m.mode)
	}
	if err != nil {
		return localError("set mode and time of", localPath(d.base, m.path), err)
	}
	return nil
}

// localPath returns the local path of what is below base, for people.
func localPath(base, path string) string {
	return filepath.Join(base, filepath.FromSlash(path))
}

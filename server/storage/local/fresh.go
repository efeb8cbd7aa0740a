//go:build unix

package local

import (
	"slices"
	"sync"

	"ftpd/server/storage"

	"golang.org/x/sys/unix"
)

// fresh knows the directories that calls in progress have made on the way to a
// path, and take back where they fail. One that another call has come upon
// meanwhile is no longer fresh, and stays.
type fresh struct {
	mu   sync.Mutex
	made map[fileID]struct{}
}

// birth is a directory as its maker knows it.
type birth struct {
	path storage.Path
	id   fileID
}

// make has mkdir make a directory, which is fresh before anybody else can come upon it.
func (f *fresh) make(p place, mkdir func() error) (birth, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if err := mkdir(); err != nil {
		return birth{}, err
	}
	stat, err := p.lstat()
	if err == unix.ENOENT {
		return birth{path: p.path()}, nil // it was made, and somebody has removed it
	}
	if err != nil {
		return birth{}, err
	}
	if f.made == nil {
		f.made = map[fileID]struct{}{}
	}
	f.made[idOf(&stat)] = struct{}{}
	return birth{p.path(), idOf(&stat)}, nil
}

// adopt keeps a directory whatever becomes of the call that made it. The error
// is ENOENT where that was faster.
func (f *fresh) adopt(d *directory) error {
	f.mu.Lock()
	delete(f.made, idOf(&d.stat))
	f.mu.Unlock()
	if d.shared || !unlinked(d.fd()) {
		return nil
	}
	return lookInto(d.fd())
}

// keep ends a call that has succeeded.
func (f *fresh) keep(births []birth) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, b := range births {
		delete(f.made, b.id)
	}
}

// takeBack ends a call that has failed: what it made is removed, the deepest
// first, unless something is in it by now.
func (s *Store) takeBack(births []birth) {
	s.fresh.mu.Lock()
	defer s.fresh.mu.Unlock()
	for _, b := range slices.Backward(births) {
		if _, still := s.fresh.made[b.id]; !still {
			continue
		}
		delete(s.fresh.made, b.id)
		s.removeFresh(b)
	}
}

// removeFresh removes a directory if it is still where it was made.
func (s *Store) removeFresh(b birth) {
	parent, err := s.openDirectory(b.path.Dir())
	if err != nil {
		return
	}
	defer parent.close()
	p := place{&parent, base(b.path)}
	if stat, err := p.lstat(); err == nil && idOf(&stat) == b.id {
		_ = s.removeDirectory(p.fd(), p.name)
	}
}

// Package faulty wraps a storage and injects delays and errors, so that tests
// can see what everything above it does about a slow or a failing disk.
//
// Nothing here sleeps: a delay is a hook that blocks until the test lets it
// go on ([Gate]).
package faulty

import (
	"context"

	"ftpd/server/storage"
)

// Op names an operation of a storage, or of what one returned.
type Op uint8

// The operations. Those of a file, a listing or a staging file come with the
// path that it was opened under.
const (
	Stat Op = iota + 1
	Open
	List
	Create
	Mkdir
	Remove
	Rename // the path is the one renamed from
	Close  // the path is the root

	FileReadAt
	FileStat
	FileClose
	ListNext
	ListClose
	StagingWriteAt
	StagingCommit
	StagingAbort
	StagingMark
	StagingLeave
)

// names are in the order of the constants.
var names = [...]string{
	"", "Stat", "Open", "List", "Create", "Mkdir", "Remove", "Rename", "Close",
	"File.ReadAt", "File.Stat", "File.Close", "Lister.Next", "Lister.Close",
	"Staging.WriteAt", "Staging.Commit", "Staging.Abort", "Staging.Mark", "Staging.Leave",
}

func (op Op) String() string {
	if op == 0 || int(op) >= len(names) {
		return "unknown operation"
	}
	return names[op]
}

// Hooks are what a test injects. A nil one injects nothing. They are called by
// whoever calls the storage, so concurrently.
type Hooks struct {
	// Before is called first. It may block. An error is returned instead of
	// doing the operation.
	Before Hook
	// After is called once the operation succeeded. An error is returned in
	// place of the result: the operation is done, and the caller told it is not.
	After Hook
	// Limit cuts a ReadAt or WriteAt of length bytes short: n of them are done
	// and err is returned, which must not be nil if n is below length.
	Limit func(op Op, path storage.Path, length int) (n int, err error)
	// Damage is given what a ReadAt of a file has brought from an offset on, and may
	// change it, as a disk does that decays: nothing else tells of it.
	Damage func(path storage.Path, p []byte, offset int64)
	// Cached has the storage tell what it has in memory, around these hooks, as a system
	// does whose disk is slow.
	Cached bool
}

// Hook is called at an operation on a path.
type Hook func(op Op, path storage.Path) error

// Storage is a [storage.Storage] that fails when its hooks say so.
type Storage struct {
	inner storage.Storage
	hooks Hooks
}

var _ storage.Storage = (*Storage)(nil)

// New wraps inner, which is closed with the result.
func New(inner storage.Storage, hooks Hooks) *Storage {
	pass := func(Op, storage.Path) error { return nil }
	if hooks.Before == nil {
		hooks.Before = pass
	}
	if hooks.After == nil {
		hooks.After = pass
	}
	if hooks.Limit == nil {
		hooks.Limit = func(_ Op, _ storage.Path, length int) (int, error) { return length, nil }
	}
	if hooks.Damage == nil {
		hooks.Damage = func(storage.Path, []byte, int64) {}
	}
	return &Storage{inner: inner, hooks: hooks}
}

// around does an operation between its hooks.
func (h *Hooks) around(op Op, path storage.Path, do func() error) error {
	if err := h.Before(op, path); err != nil {
		return err
	}
	if err := do(); err != nil {
		return err
	}
	return h.After(op, path)
}

// StatCached implements [storage.Cached].
func (s *Storage) StatCached(path storage.Path) (storage.Info, bool) {
	if inner, ok := s.inner.(storage.Cached); ok && s.hooks.Cached {
		return inner.StatCached(path)
	}
	return storage.Info{}, false
}

// Stat implements [storage.Storage].
func (s *Storage) Stat(path storage.Path, follow bool) (info storage.Info, err error) {
	err = s.hooks.around(Stat, path, func() (err error) {
		info, err = s.inner.Stat(path, follow)
		return err
	})
	return info, err
}

// Open implements [storage.Storage].
func (s *Storage) Open(path storage.Path) (storage.File, error) {
	f := &file{path: path, hooks: &s.hooks}
	err := s.hooks.around(Open, path, func() (err error) {
		f.inner, err = s.inner.Open(path)
		return err
	})
	if err == nil {
		return f, nil
	}
	if f.inner != nil {
		_ = f.inner.Close()
	}
	return nil, err
}

// OpenEach implements [storage.Storage]: each is an Open of its own to the hooks.
func (s *Storage) OpenEach(paths []storage.Path, visit func(i int, file storage.File, err error) bool) {
	storage.OpenEach(paths, s.Open, visit)
}

// List implements [storage.Storage].
func (s *Storage) List(path storage.Path, recursive bool) (storage.Lister, error) {
	l := &lister{path: path, hooks: &s.hooks}
	err := s.hooks.around(List, path, func() (err error) {
		l.inner, err = s.inner.List(path, recursive)
		return err
	})
	if err == nil {
		return l, nil
	}
	if l.inner != nil {
		_ = l.inner.Close()
	}
	return nil, err
}

// Create implements [storage.Storage].
func (s *Storage) Create(path storage.Path, options storage.CreateOptions) (storage.Staging, error) {
	st := &staging{path: path, hooks: &s.hooks}
	err := s.hooks.around(Create, path, func() (err error) {
		st.inner, err = s.inner.Create(path, options)
		return err
	})
	if err == nil {
		return st, nil
	}
	if st.inner != nil {
		_ = st.inner.Abort()
	}
	return nil, err
}

// Join implements [storage.Storage]. To the hooks it is nothing of its own.
func (s *Storage) Join(path storage.Path, options storage.CreateOptions) (storage.Joined, error) {
	inner, err := s.inner.Join(path, options)
	if err != nil {
		return nil, err
	}
	return &joined{inner: inner, path: path, hooks: &s.hooks}, nil
}

// StoreEach implements [storage.Storage]: each is a file of its own to the hooks.
func (s *Storage) StoreEach(files []storage.Whole) []storage.Stored {
	stored := make([]storage.Stored, len(files))
	for i := range files {
		stored[i].Info, stored[i].Err = storage.Store(s, &files[i])
	}
	return stored
}

// Mkdir implements [storage.Storage].
func (s *Storage) Mkdir(path storage.Path, mode uint32, parents bool) error {
	return s.hooks.around(Mkdir, path, func() error { return s.inner.Mkdir(path, mode, parents) })
}

// Remove implements [storage.Storage].
func (s *Storage) Remove(ctx context.Context, path storage.Path, recursive bool) (removed int, err error) {
	err = s.hooks.around(Remove, path, func() (err error) {
		removed, err = s.inner.Remove(ctx, path, recursive)
		return err
	})
	return removed, err
}

// Rename implements [storage.Storage].
func (s *Storage) Rename(from, to storage.Path, options storage.RenameOptions) error {
	return s.hooks.around(Rename, from, func() error { return s.inner.Rename(from, to, options) })
}

// Close implements [storage.Storage]. The wrapped storage is closed even where
// a hook fails, so that a test leaks nothing.
func (s *Storage) Close() error {
	before := s.hooks.Before(Close, storage.Root)
	err := s.inner.Close()
	if before != nil {
		return before
	}
	if err != nil {
		return err
	}
	return s.hooks.After(Close, storage.Root)
}

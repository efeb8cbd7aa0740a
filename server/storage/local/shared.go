//go:build unix

package local

import (
	"fmt"
	"io/fs"
	"sync"

	"ftpd/server/storage"
)

// shared is what a staging file has that several callers write to. One writes at a
// time, so that a block and its mark are of the same caller; a file system lets no two
// write to one file at once anyway.
type shared struct {
	mu     sync.Mutex
	ended  bool // nobody but its owner writes to it any more
	failed bool // a write has failed, and nothing of it is kept
}

func (s *shared) hasFailed() bool {
	if s == nil {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.failed
}

// share has Join find a staging file that can be gone on with, until its name is free.
func (s *Store) share(st *staging) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.shared[st.resumable.name] = st
}

// Shared implements [storage.Staging].
func (st *staging) Shared() bool { return st.shared != nil }

// Join implements [storage.Storage].
func (s *Store) Join(path storage.Path, options storage.CreateOptions) (storage.Joined, error) {
	s.mu.Lock()
	st := s.shared[resumeName(path, options.Resume.Source)]
	s.mu.Unlock()
	if st == nil || st.path != path || st.options.Size != options.Size || st.options.Resume != options.Resume {
		return nil, errNoUpload(path)
	}
	return joined{st}, nil
}

func errNoUpload(path storage.Path) error {
	return fmt.Errorf("%q: %w: no upload to join is under way", string(path), fs.ErrNotExist)
}

// joined is a shared staging file for those who do not own it.
type joined struct{ st *staging }

// WriteBlock implements [storage.Joined].
func (j joined) WriteBlock(block int64, p []byte, digest storage.Digest) error {
	shared := j.st.shared
	shared.mu.Lock()
	defer shared.mu.Unlock()
	if shared.ended || j.st.over() {
		return errNoUpload(j.st.path)
	}
	_, err := j.st.WriteAt(p, block*j.st.options.Resume.Block)
	if err == nil {
		err = j.st.Mark(block, digest)
	}
	switch {
	case err != nil && j.st.over(): // it ended meanwhile
		return errNoUpload(j.st.path)
	case err != nil:
		shared.failed = true
	}
	return err
}

// Gather implements [storage.Staging].
func (st *staging) Gather() ([]storage.Digest, error) {
	if st.shared == nil {
		return nil, st.store.fail(st.path, fs.ErrInvalid)
	}
	st.shared.mu.Lock()
	defer st.shared.mu.Unlock()
	st.shared.ended = true
	st.store.gate.enter()
	defer st.store.gate.leave()
	block := st.resumable.block
	return st.resumable.read((st.options.Size + block - 1) / block), nil
}

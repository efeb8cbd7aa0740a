//go:build unix

package local

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"sync/atomic"
	"time"

	"ftpd/server/storage"

	"golang.org/x/sys/unix"
)

// What can be gone on with lies apart from the instances, because it outlives
// them:
//
//	.ftpd-staging/
//	    resume/             privateMode; gone when it is empty and a store closes
//	        <name>          a staging file
//	        <name>.lock     its journal, locked by the store that has it open
//
// The name is made of path and source, so that a later upload finds it. The
// journal is a head of journalHead bytes and, at 16 times its number behind it,
// the digest of each block that was written; blocks are written in any order,
// and zeros are a block that is missing. Nothing is synced: what a killed server
// wrote is in the kernel's hands. After a crash of the machine a digest may be
// there and its block not, so a journal counts only as long as the machine that
// wrote it runs. To compare the blocks instead would keep a worker for as long as
// it takes to read them, and all for an upload that may never be gone on with.
const (
	resumeDirectory = "resume"
	journalMagic    = "ftpdres1"
	journalHead     = 8 + 8 + 8 + 8 + 16 // magic, version, size, bytes of a block, boot
	digestLen       = len(storage.Digest{})
)

// takeoverWait is how long an upload waits for an earlier one of the same path
// and source to end: where a client comes back at once, the loop may not have
// heard yet that its old connection is gone.
const takeoverWait = 2 * time.Second

// resumable is what a staging file has that can be gone on with.
type resumable struct {
	name    string
	journal descriptor // holds the lock
	block   int64
	digests []storage.Digest
	dropped bool
	some    atomic.Bool   // there is something to keep
	kept    bool          // it was left; set before release
	freed   chan struct{} // closed by release
}

// resumeName returns the name of the staging file for a path and a source.
func resumeName(path storage.Path, source uint64) string {
	b := binary.BigEndian.AppendUint64(nil, source)
	digest := sha256.Sum256(append(b, path...))
	return hex.EncodeToString(digest[:16])
}

// keeps tells whether a file is to be kept, and large enough for that.
func (s *Store) keeps(options *storage.CreateOptions) bool {
	return options.Resume.Source != 0 && options.Resume.Block > 0 && options.Size > options.Resume.Block && s.options.KeepResumable > 0
}

// resume returns a staging file that can be gone on with, be it old or new. It
// returns nil where there can be none now: then the upload is one like any other.
func (s *Store) resume(path storage.Path, options storage.CreateOptions) (*staging, error) {
	name := resumeName(path, options.Resume.Source)
	freed := s.claim(name)
	if freed == nil {
		return nil, nil
	}
	s.gate.enter()
	defer s.gate.leave()
	st, err := s.openResumable(path, name, options)
	if st == nil {
		s.unclaim(name, freed)
		return nil, nil
	}
	st.resumable.freed = freed
	if options.Shared {
		st.shared = &shared{}
	}
	if err == nil {
		err = s.enlist(st)
	}
	if err != nil {
		_ = st.Leave() // the first error is the one to tell
		st = nil
	}
	if errors.Is(err, errElsewhere) {
		err = nil
	}
	if st != nil && options.Shared {
		s.share(st)
	}
	return st, err
}

// claim takes a name for one upload of this store, for which it may wait. The
// channel that it returns is that of unclaim; nil is that another keeps the name.
func (s *Store) claim(name string) chan struct{} {
	limit := time.NewTimer(s.takeoverWait)
	defer limit.Stop()
	for {
		s.mu.Lock()
		other, taken := s.claimed[name]
		if !taken {
			freed := make(chan struct{})
			s.claimed[name] = freed
			s.mu.Unlock()
			return freed
		}
		s.mu.Unlock()
		select {
		case <-other:
		case <-limit.C:
			return nil
		}
	}
}

func (s *Store) unclaim(name string, freed chan struct{}) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.claimed, name)
	delete(s.outdated, name)
	delete(s.shared, name)
	delete(s.charged, name)
	close(freed)
}

// outdate gives up what is left, or will be, of an upload whose file another one has
// stored: one that could not have the name, for this one had it.
func (s *Store) outdate(name string) {
	s.mu.Lock()
	_, live := s.claimed[name]
	if live {
		s.outdated[name] = struct{}{}
	}
	s.mu.Unlock()
	if live {
		return
	}
	home, err := s.openResume(false)
	if err != nil {
		return // nothing is left of any
	}
	defer home.close()
	if fd, err := lockJournal(home.fd(), name, 0); err == nil {
		_ = s.removeLeft(home.fd(), name) // it may not have come to that
		_ = unix.Unlinkat(home.fd(), name+lockSuffix, 0)
		_ = unix.Close(fd)
	}
}

// isOutdated tells whether there is nothing to go on with for a name.
func (s *Store) isOutdated(name string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	_, ok := s.outdated[name]
	return ok
}

// openResumable opens both files and reads the journal. With a staging file the
// error is that of the path, for which there is no upload at all.
func (s *Store) openResumable(path storage.Path, name string, options storage.CreateOptions) (*staging, error) {
	i, err := s.own(nil) // which makes the staging directory
	if err != nil {
		return nil, err
	}
	home, err := s.openResume(true)
	if err != nil {
		s.disown(i)
		return nil, err
	}
	st := &staging{store: s, instance: i, path: path, options: options, home: place{&home, name}}
	st.resumable = &resumable{name: name, block: options.Resume.Block}
	if err := st.openFiles(); err != nil {
		home.close()
		s.disown(i)
		return nil, err
	}
	if !st.readJournal() {
		err = st.newJournal()
	}
	st.resumable.some.Store(len(st.resumable.digests) > 0)
	var replaced unix.Stat_t
	if err == nil {
		replaced, err = st.checkParent()
	}
	if err == nil {
		err = st.takeRest(&replaced)
	}
	return st, err
}

// openResume opens the directory of what can be gone on with.
func (s *Store) openResume(create bool) (directory, error) {
	staging, err := openStaging(s.top)
	if err != nil {
		return directory{}, err
	}
	defer staging.Close()
	if create {
		if err := makePrivate(int(staging.Fd()), resumeDirectory); err != nil && err != unix.EEXIST {
			return directory{}, err
		}
	}
	l, err := openChild(int(staging.Fd()), resumeDirectory)
	return directory{file: l.file, path: storage.Path(stagingDirectory).Join(resumeDirectory)}, err
}

// openFiles opens the journal, locks it, and opens the staging file.
func (st *staging) openFiles() error {
	fd, err := lockJournal(st.home.fd(), st.home.name, unix.O_CREAT)
	if err != nil {
		return err
	}
	st.resumable.journal.fd = fd
	left := st.left()
	const flags = unix.O_RDWR | unix.O_CREAT | unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_CLOEXEC
	err = retry(func() (err error) {
		st.fd, err = unix.Openat(st.home.fd(), st.home.name, flags, 0o600)
		return err
	})
	if err != nil {
		_ = st.resumable.journal.close()
		return err
	}
	st.takeOver(left)
	return nil
}

// checkParent is the check of Create; what is staged already needs no room again.
// The directory has to be on the file system of the root, as what is staged is.
func (st *staging) checkParent() (replaced unix.Stat_t, err error) {
	options := st.options
	options.Size -= int64(len(st.resumable.digests)) * st.resumable.block
	parent, replaced, err := st.store.parentOf(st.path, options)
	if err != nil {
		return replaced, err
	}
	defer parent.close()
	if idOf(&parent.stat).device != st.store.topID.device {
		return replaced, errElsewhere
	}
	return replaced, nil
}

// errElsewhere is a target on another file system, whose staging file lies
// beside it and is not kept.
var errElsewhere = errors.New("the target is on another file system")

// Marked implements [storage.Staging].
func (st *staging) Marked() (digests []storage.Digest, dropped bool) {
	if st.resumable == nil {
		return nil, false
	}
	digests = st.resumable.digests
	for i, digest := range digests {
		st.learn(int64(i), digest)
	}
	st.resumable.digests = nil // 16 bytes for each block are not needed twice
	return digests, st.resumable.dropped
}

// Mark implements [storage.Staging].
func (st *staging) Mark(block int64, digest storage.Digest) error {
	st.learn(block, digest)
	r := st.resumable
	if r == nil {
		return nil
	}
	st.store.gate.enter()
	defer st.store.gate.leave()
	r.some.Store(true)
	_, err := r.journal.writeAt(digest[:], journalHead+block*int64(digestLen))
	return st.store.fail(st.path, err)
}

// Leave implements [storage.Staging].
func (st *staging) Leave() error {
	if st.resumable == nil || !st.resumable.some.Load() || st.shared.hasFailed() {
		return st.Abort()
	}
	if fd, ok := st.seal(); ok {
		if st.resumable.kept = st.countLeft() == nil; !st.resumable.kept {
			_ = st.home.unlink()
		}
		st.release(fd)
	}
	return nil
}

// releaseResumable gives up the journal, and removes it unless both files were
// left. The file that it tells of has gone first.
func (st *staging) releaseResumable() {
	r := st.resumable
	if r.kept && st.store.isOutdated(r.name) {
		_ = st.store.removeLeft(st.home.fd(), r.name)
		r.kept = false
	}
	if !r.kept {
		_ = unix.Unlinkat(st.home.fd(), r.name+lockSuffix, 0)
	}
	_ = r.journal.close()
	st.home.close()
	st.store.unclaim(r.name, r.freed)
}

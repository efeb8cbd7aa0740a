//go:build unix

package local

import (
	"bytes"
	"encoding/binary"

	"ftpd/server/storage"

	"golang.org/x/sys/unix"
)

// lockJournal opens and locks a journal. EWOULDBLOCK says that another store has
// it, ENOENT that it was removed meanwhile.
func lockJournal(dirfd int, name string, create int) (fd int, err error) {
	flags := unix.O_RDWR | unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_CLOEXEC | create
	err = retry(func() (err error) {
		fd, err = unix.Openat(dirfd, name+lockSuffix, flags, 0o600)
		return err
	})
	if err != nil {
		return -1, err
	}
	var stat unix.Stat_t
	if err = unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB); err == nil {
		err = unix.Fstat(fd, &stat)
	}
	if err == nil && stat.Nlink == 0 {
		err = unix.ENOENT
	}
	if err != nil {
		_ = unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

// head returns the beginning of the journal.
func (st *staging) head() []byte {
	b := []byte(journalMagic)
	b = binary.BigEndian.AppendUint64(b, st.options.Resume.Version)
	b = binary.BigEndian.AppendUint64(b, uint64(st.options.Size))
	b = binary.BigEndian.AppendUint64(b, uint64(st.options.Resume.Block))
	boot := bootID()
	return append(b, boot[:]...)
}

// isOfThisBoot tells whether the head of a journal was written since the machine
// was started.
func isOfThisBoot(head []byte) bool {
	boot := bootID()
	return string(head[:8]) == journalMagic && bytes.Equal(head[journalHead-len(boot):], boot[:])
}

// readJournal reads which blocks are there, and cuts off what is not to be relied
// on, so that it never counts later. It returns false where the journal is of
// another version, or none.
func (st *staging) readJournal() bool {
	r := st.resumable
	var journal, file unix.Stat_t
	if unix.Fstat(r.journal.fd, &journal) != nil || unix.Fstat(st.fd, &file) != nil || journal.Size < journalHead {
		return false
	}
	have := make([]byte, journalHead)
	if _, err := r.journal.readAt(have, 0); err != nil {
		return false
	}
	if !bytes.Equal(have, st.head()) {
		// Of another boot it is no use either, but not because the source has changed.
		r.dropped = isOfThisBoot(have) && journal.Size > journalHead
		return false
	}
	r.digests = r.read(min((journal.Size-journalHead)/int64(digestLen), file.Size/r.block, st.options.Size/r.block))
	n := int64(len(r.digests))
	return unix.Ftruncate(r.journal.fd, journalHead+n*int64(digestLen)) == nil && unix.Ftruncate(st.fd, n*r.block) == nil
}

// read returns the digests of at most so many blocks, up to the first that is
// missing.
func (r *resumable) read(most int64) []storage.Digest {
	b := make([]byte, most*int64(digestLen))
	n, _ := r.journal.readAt(b, journalHead) // what cannot be read is missing
	digests := make([]storage.Digest, 0, most)
	for b = b[:n]; len(b) >= digestLen; b = b[digestLen:] {
		digest := storage.Digest(b[:digestLen])
		if digest == (storage.Digest{}) {
			break
		}
		digests = append(digests, digest)
	}
	return digests
}

// newJournal begins both files anew.
func (st *staging) newJournal() error {
	r := st.resumable
	r.digests = nil
	// The journal first: it must never tell of what is not there.
	if err := empty(r.journal.fd); err != nil {
		return err
	}
	if err := empty(st.fd); err != nil {
		return err
	}
	_, err := r.journal.writeAt(st.head(), 0)
	return err
}

// empty leaves a file that is empty alone: of one that was truncated ext4 writes all that
// is dirty when it is closed (ext4(5), auto_da_alloc), durable or not.
func empty(fd int) error {
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil || stat.Size == 0 {
		return err
	}
	return unix.Ftruncate(fd, 0)
}

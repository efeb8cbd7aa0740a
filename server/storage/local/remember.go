//go:build unix

package local

import (
	"sync"
	"time"

	"ftpd/server/storage"

	"golang.org/x/sys/unix"
)

// defaultDigestCache holds the digests of 512 GiB in large files, or of some 150,000
// small ones, in bytes.
const defaultDigestCache = 32 << 20

// version is what tells a version of a file's content from every other: what makes
// an ETag, unabridged.
type version struct {
	id           fileID
	size         int64
	mtime, ctime int64 // nanoseconds
}

func versionOf(stat *unix.Stat_t) version {
	return version{idOf(stat), stat.Size, nanoseconds(stat.Mtim), nanoseconds(stat.Ctim)}
}

// settling is how old the times of a file must be before its digests are remembered.
// A file that is written to twice within one tick of its file system's clock keeps its
// times: 10 ms at most where the kernel stamps, 2 s on FAT. So a digest that was
// computed within the tick of the last change may be that of what was there before
// another one, and nothing would tell; git calls this racily clean.
const settling = 2 * time.Second

// settled tells whether a change from now on would show in a time of a file.
func settled(now time.Time, stamp unix.Timespec) bool {
	return now.Sub(time.Unix(stamp.Unix())) > settling
}

// recognise notes which version was opened, not before now.
func (f *file) recognise(now time.Time) {
	f.version = versionOf(&f.opened)
	f.settled = settled(now, f.opened.Mtim) && settled(now, f.opened.Ctim)
}

// Recall implements [storage.File].
func (f *file) Recall(block int64) (storage.Digest, bool) {
	digest, ok := f.store.digests.Get(f.version, block)
	if !ok {
		return storage.Digest{}, false
	}
	stat, err := f.stat()
	return digest, err == nil && versionOf(&stat) == f.version
}

// Remember implements [storage.File]. What was read of a file that has changed since
// it was opened is remembered of a version that no file has any more.
func (f *file) Remember(block int64, digest storage.Digest) {
	tell := f.store.digests.Put
	if !f.settled {
		tell = f.store.digests.Check
	}
	if !tell(f.version, block, digest) {
		f.store.options.Logger.Warn("the content of a file has changed and its times have not: it is damaged, or was written to through a mapping", "path", string(f.path))
	}
}

// learned are the digests of what is staged, for who reads it later.
type learned struct {
	mu      sync.Mutex
	digests []storage.Digest
}

// learn keeps the digest of a block until the commit.
func (st *staging) learn(block int64, digest storage.Digest) {
	if !st.store.digests.Holds(block + 1) {
		return
	}
	l := &st.learned
	l.mu.Lock()
	defer l.mu.Unlock()
	for missing := block + 1 - int64(len(l.digests)); missing > 0; missing-- {
		l.digests = append(l.digests, storage.Digest{})
	}
	l.digests[block] = digest
}

// remember makes what was learned known of the committed file. Its ctime is that of
// the rename, so only its mtime can be settled: then a write would show there, unless
// the writer put the mtime back within the tick of the rename.
func (st *staging) remember(stat *unix.Stat_t) {
	st.learned.mu.Lock()
	defer st.learned.mu.Unlock()
	if len(st.learned.digests) > 0 && settled(st.store.now(), stat.Mtim) {
		st.store.digests.PutAll(versionOf(stat), st.learned.digests)
	}
}

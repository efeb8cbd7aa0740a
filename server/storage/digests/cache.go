// Package digests remembers digests of blocks in bounded memory, so that a file
// which has not changed need not be hashed again. How a version of a file is told
// from every other is the storage's business: by inode and times, or by an etag.
package digests

import (
	"sync"

	"ftpd/server/storage"
)

// fileCost is what an entry takes besides its digests, in bytes: the entry itself,
// its place in the map and the key in both.
const fileCost = 192

const digestCost = int64(len(storage.Digest{}))

// Cache holds the digests of the files used last. K tells a version of a file. Any
// goroutine may use it. The zero value remembers nothing.
type Cache[K comparable] struct {
	limit int64 // bytes

	mu    sync.Mutex
	used  int64 // bytes, never more than limit between calls
	files map[K]*file[K]
	ring  *file[K] // the one used last; nil where there is none
}

// file is an entry, in a ring in the order of use.
type file[K comparable] struct {
	key          K
	digests      []storage.Digest // indexed by block; zeros are not known
	newer, older *file[K]
}

func (f *file[K]) cost() int64 { return fileCost + int64(cap(f.digests))*digestCost }

// New returns a cache of at most limit bytes; 0 and less is one that remembers nothing.
func New[K comparable](limit int64) *Cache[K] {
	return &Cache[K]{limit: limit, files: map[K]*file[K]{}}
}

// Get returns the digest of a block, if it is known.
func (c *Cache[K]) Get(key K, block int64) (digest storage.Digest, ok bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.files[key]
	if f == nil {
		return storage.Digest{}, false
	}
	c.unlink(f)
	c.link(f)
	if block >= int64(len(f.digests)) {
		return storage.Digest{}, false
	}
	digest = f.digests[block]
	return digest, digest != storage.Digest{}
}

// Put remembers the digest of a block. Where another one was known of it, the key has
// not told a change: all that is known under it is forgotten, and Put returns false.
// A file whose digests would take more than half of the memory is not remembered
// beyond that.
func (c *Cache[K]) Put(key K, block int64, digest storage.Digest) bool {
	if fileCost+2*(block+1)*digestCost > c.limit/2 { // growing may double it
		return true
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.files[key]
	if f == nil {
		f = &file[K]{key: key}
		c.files[key] = f
	} else {
		c.remove(f)
	}
	if f.denies(block, digest) {
		delete(c.files, key)
		return false
	}
	f.set(block, digest)
	c.insert(f)
	return true
}

// Check is Put for a digest that is not to be remembered.
func (c *Cache[K]) Check(key K, block int64, digest storage.Digest) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	f := c.files[key]
	if f == nil || !f.denies(block, digest) {
		return true
	}
	c.remove(f)
	delete(c.files, key)
	return false
}

// PutAll remembers the digests of a file from its first block on, in place of
// whatever was known under the key; zeros are not known. The slice is the cache's
// from then on.
func (c *Cache[K]) PutAll(key K, digests []storage.Digest) {
	f := &file[K]{key: key, digests: digests}
	c.mu.Lock()
	defer c.mu.Unlock()
	if old := c.files[key]; old != nil {
		c.remove(old)
		delete(c.files, key)
	}
	if f.cost() > c.limit/2 {
		return
	}
	c.files[key] = f
	c.insert(f)
}

// Holds reports whether a file of so many blocks is worth PutAll.
func (c *Cache[K]) Holds(blocks int64) bool {
	return fileCost+blocks*digestCost <= c.limit/2
}

// denies reports whether another digest is known of a block.
func (f *file[K]) denies(block int64, digest storage.Digest) bool {
	if block >= int64(len(f.digests)) {
		return false
	}
	known := f.digests[block]
	return known != digest && known != storage.Digest{}
}

func (f *file[K]) set(block int64, digest storage.Digest) {
	for missing := block + 1 - int64(len(f.digests)); missing > 0; missing-- {
		f.digests = append(f.digests, storage.Digest{})
	}
	f.digests[block] = digest
}

// insert makes f the newest, and room for it.
func (c *Cache[K]) insert(f *file[K]) {
	c.link(f)
	c.used += f.cost()
	for c.used > c.limit {
		oldest := c.ring.newer
		c.remove(oldest)
		delete(c.files, oldest.key)
	}
}

// remove takes f out of the ring, and its cost off; it stays in the map.
func (c *Cache[K]) remove(f *file[K]) {
	c.used -= f.cost()
	c.unlink(f)
}

// link makes f the newest. The newer one of the newest is the oldest.
func (c *Cache[K]) link(f *file[K]) {
	if c.ring == nil {
		f.newer, f.older = f, f
	} else {
		f.older, f.newer = c.ring, c.ring.newer
		f.older.newer, f.newer.older = f, f
	}
	c.ring = f
}

func (c *Cache[K]) unlink(f *file[K]) {
	switch {
	case f.older == f:
		c.ring = nil
	case c.ring == f:
		c.ring = f.older
		fallthrough
	default:
		f.older.newer, f.newer.older = f.newer, f.older
	}
	f.newer, f.older = nil, nil
}

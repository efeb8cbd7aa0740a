//go:build unix

package local

import (
	"encoding/binary"
	"sync"

	"github.com/zeebo/xxh3"
)

// stripes lets one change of a name at a time pass, so that the check of a
// condition and the change that depends on it are one step for every other
// change made through the store, or another one that has them in common. A program that changes the directory itself
// can still come between the two; no file system has a rename with an ETag.
type stripes [64]sync.Mutex

// entryID is a name in a directory, whatever path led to the directory.
type entryID struct {
	directory fileID
	name      string
}

func (id entryID) stripe(count int) int {
	b := make([]byte, 0, 16+255)
	b = binary.BigEndian.AppendUint64(b, id.directory.device)
	b = binary.BigEndian.AppendUint64(b, id.directory.inode)
	return int(xxh3.Hash(append(b, id.name...)) % uint64(count))
}

// lock waits for the turn of one name and returns what ends it.
func (s *stripes) lock(id entryID) (unlock func()) {
	m := &s[id.stripe(len(s))]
	m.Lock()
	return m.Unlock
}

// lockBoth is lock for two names, which may share a stripe. The order is
// always the same, so that two renames never wait for each other.
func (s *stripes) lockBoth(a, b entryID) (unlock func()) {
	i, j := a.stripe(len(s)), b.stripe(len(s))
	if i == j {
		s[i].Lock()
		return s[i].Unlock
	}
	first, second := &s[min(i, j)], &s[max(i, j)]
	first.Lock()
	second.Lock()
	return func() {
		second.Unlock()
		first.Unlock()
	}
}

//go:build unix

package local

import "ftpd/server/storage/digests"

// Common is what stores have in common whose directories are parts of one tree, also
// where one lies in another: a condition of a PUT holds against a change that comes by
// another store, and many stores take the memory of one. Any goroutine may use it.
type Common struct{ common }

type common struct {
	locks   stripes
	syncs   syncGroups
	fresh   fresh
	gate    gate
	digests *digests.Cache[version]
}

// NewCommon returns what stores are given by [Options.Common]. digestCache is that of
// [Options] for all of them together.
func NewCommon(digestCache int64) *Common {
	if digestCache == 0 {
		digestCache = defaultDigestCache
	}
	return &Common{common{gate: make(gate, atOnce), digests: digests.New[version](digestCache)}}
}

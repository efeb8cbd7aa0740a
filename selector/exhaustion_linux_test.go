package selector_test

import (
	"errors"
	"testing"

	"ftpd/selector"

	"golang.org/x/sys/unix"
)

// withDescriptors runs do while the process can open at most n descriptors more.
func (f *fixture) withDescriptors(n uint64, do func()) {
	f.Helper()
	lowest := f.dup(0, 0)
	f.close(lowest)
	var limit unix.Rlimit
	f.must(unix.Getrlimit(unix.RLIMIT_NOFILE, &limit))
	lower := limit
	lower.Cur = uint64(lowest) + n
	f.must(unix.Setrlimit(unix.RLIMIT_NOFILE, &lower))
	defer func() { f.must(unix.Setrlimit(unix.RLIMIT_NOFILE, &limit)) }()
	do()
}

// Open fails at each descriptor that it takes; the fixture finds what it leaves.
func TestOpenWithoutDescriptors(t *testing.T) {
	eachKind(t, func(f *fixture) {
		takes := uint64(1) // the eventfd
		if f.isEpoll() {
			takes = 2
		}
		for n := range takes {
			f.withDescriptors(n, func() {
				s, err := selector.Open(f.s.Kind())
				if s != nil || !errors.Is(err, unix.EMFILE) {
					f.Errorf("with %d descriptors: got %v, %v, want EMFILE", n, s, err)
				}
			})
		}
	})
}

// A set that cannot be built anew stays in use, and is rebuilt when it can be.
func TestOrphanWithoutDescriptors(t *testing.T) {
	f := newFixture(t, selector.Epoll)
	c, d := f.pair()
	f.register(c, selector.Read, nil)
	f.orphan()
	f.write(d, "x")
	f.withDescriptors(0, func() {
		f.wantReady(ready{c: selector.Read})
		f.wantReady(ready{c: selector.Read})
	})
	f.wantReady(ready{c: selector.Read})
	f.wantReady(ready{c: selector.Read})
	if f.s.Stale() != 3 {
		t.Errorf("Stale is %d, want 3: two without descriptors, one after", f.s.Stale())
	}
}

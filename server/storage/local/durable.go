//go:build unix

package local

import (
	"sync"

	"golang.org/x/sys/unix"
)

// groupFrom is how many syncs that wait at the same time are worth one sync of
// the whole file system. That writes what others have in the cache as well, so
// a few are better done by themselves.
const groupFrom = 8

// durable makes the content of an open file, or the names in an open
// directory, survive a power failure. device is the file system that it is on.
func (s *Store) durable(fd int, device uint64) error {
	if s.options.NoSync {
		return nil
	}
	return s.syncs.of(device).sync(fd)[0]
}

// durableDirectory is durable for a directory. Some file systems (FUSE, CIFS)
// have no fsync for directories and say EINVAL; there is nothing more that
// could be done then.
func (s *Store) durableDirectory(d *directory) error {
	return unlessUnsupported(s.durable(d.fd(), idOf(&d.stat).device))
}

func unlessUnsupported(err error) error {
	if err == unix.EINVAL || err == unix.ENOTSUP {
		return nil
	}
	return err
}

// syncGroups has a group for each file system below the root.
type syncGroups struct {
	mu     sync.Mutex
	groups map[uint64]*syncGroup
}

func (g *syncGroups) of(device uint64) *syncGroup {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.groups == nil {
		g.groups = map[uint64]*syncGroup{}
	}
	if g.groups[device] == nil {
		g.groups[device] = &syncGroup{together: syncFileSystem, alone: fsync}
	}
	return g.groups[device]
}

// syncGroup is the group commit of one file system: whoever comes while a sync
// is under way waits for the next, which serves all that wait by then. Many
// small files become durable at the price of one journal commit.
type syncGroup struct {
	together func(fd int) error // of the whole file system of fd; nil is not to be had
	alone    func(fd int) error

	mu      sync.Mutex
	busy    bool // somebody leads a batch
	waiting []*syncWaiter
}

type syncWaiter struct {
	fds  []int
	errs []error   // of each
	lead chan bool // true: lead the next batch; false: it is done
}

// sync returns when a sync of each of fds that began after the call has ended, and
// what came of it.
func (g *syncGroup) sync(fds ...int) []error {
	w := &syncWaiter{fds: fds, errs: make([]error, len(fds)), lead: make(chan bool, 1)}
	g.mu.Lock()
	g.waiting = append(g.waiting, w)
	lead := !g.busy
	g.busy = true
	g.mu.Unlock()
	if lead || <-w.lead {
		g.leadBatch(w)
	}
	return w.errs
}

// leadBatch serves all that wait, leader among them, and hands the lead on.
func (g *syncGroup) leadBatch(leader *syncWaiter) {
	g.mu.Lock()
	batch := g.waiting
	g.waiting = nil
	g.mu.Unlock()

	g.serve(batch)

	g.mu.Lock()
	if len(g.waiting) > 0 {
		g.waiting[0].lead <- true
	} else {
		g.busy = false
	}
	g.mu.Unlock()
	for _, w := range batch {
		if w != leader {
			w.lead <- false
		}
	}
}

// serve syncs a batch: together where that pays and works, and otherwise each
// by itself, which tells whose sync it is that fails.
func (g *syncGroup) serve(batch []*syncWaiter) {
	count := 0
	for _, w := range batch {
		count += len(w.fds)
	}
	if count >= groupFrom && g.together != nil {
		if retry(func() error { return g.together(batch[0].fds[0]) }) == nil {
			return
		}
	}
	var group sync.WaitGroup
	for _, w := range batch {
		for i, fd := range w.fds {
			group.Go(func() {
				w.errs[i] = retry(func() error { return g.alone(fd) })
			})
		}
	}
	group.Wait()
}

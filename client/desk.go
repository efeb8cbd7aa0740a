package client

import (
	"os"
	"sync"
)

const (
	// desks is how many files of a tree are read or written here at once: each
	// takes descriptors, its directory's among them, and a thread in system calls.
	// Many more wait for the server meanwhile, and take neither.
	desks = 128
	// smallAhead bounds the bytes of files of at most a block that are under way,
	// in memory of this side or of the server.
	smallAhead = 128 << 20
)

// desk is where a file of a tree is read or written, in its directory.
type desk struct {
	tree *tree
	dir  string
	in   *localDir // nil while nobody is there
}

// enter waits for a place, if there is none yet, and opens the directory.
func (d *desk) enter() (*os.Root, error) {
	if d.in != nil {
		return d.in.root, nil
	}
	d.tree.desks <- struct{}{}
	in, err := d.tree.dirs.use(d.dir)
	if err != nil {
		<-d.tree.desks
		return nil, err
	}
	d.in = in
	return in.root, nil
}

func (d *desk) leave() {
	if d.in != nil {
		d.tree.dirs.release(d.in)
		d.in = nil
		<-d.tree.desks
	}
}

// allowance is an amount that is given out in the order of asking.
type allowance struct {
	turn sync.Mutex // held by who waits for more
	mu   sync.Mutex
	more sync.Cond
	left int64
}

// take waits until there is as much as n.
func (a *allowance) take(n int64) {
	a.turn.Lock()
	defer a.turn.Unlock()
	a.mu.Lock()
	defer a.mu.Unlock()
	for a.left < n {
		a.more.Wait()
	}
	a.left -= n
}

func (a *allowance) give(n int64) {
	a.mu.Lock()
	a.left += n
	a.mu.Unlock()
	a.more.Signal()
}

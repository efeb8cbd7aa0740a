package reactor

import (
	"fmt"
	"runtime/debug"
	"sync"
)

// Lane is a queue of the offload pool with workers of its own, so that jobs in
// one never wait for those in the other.
type Lane uint8

// The lanes.
const (
	// Quick is for what needs no more of a disk than an inode: stat.
	Quick Lane = iota
	// Open is for opening files and reading small ones, which a cold or distant
	// disk may take its time for.
	Open
	// Transfer is for the blocks of large files and for listings, so that
	// those never stand in front of what is quick.
	Transfer
	// Commit is for what waits for the disk to have it: sync. Its workers are
	// many, for they mostly wait, and those who wait together share a sync.
	Commit
	// Slow is for what takes long by nature: digests of whole files, removal of
	// trees. Its workers are few, so that they leave processors to the loop.
	Slow
	// Login is for passwords, which take memory and time on purpose, and for keys.
	// Its workers bound both.
	Login
	// Home is for opening the directory of who has logged in, which may have to be
	// counted first. Its workers are many, for those who wait for a large one hold up
	// nobody else.
	Home
	lanes
)

// LoginWorkers is how many goroutines the login lane has.
const LoginWorkers = 2

// completion is a job that has run and the connection that asked for it.
type completion struct {
	conn *Conn
	job  Job
	err  error // the job panicked
}

// offload runs jobs on a fixed number of goroutines for each lane, started as
// they are needed, and gathers what has run until the loop fetches it.
type offload struct {
	wake  func()
	lanes [lanes]lane
	group sync.WaitGroup

	mu   sync.Mutex
	done []completion
}

type lane struct {
	mu      sync.Mutex
	ready   sync.Cond
	queue   fifo[completion]
	idle    int
	workers int
	limit   int
	closed  bool
}

func newOffload(limits [lanes]int, wake func()) *offload {
	o := &offload{wake: wake}
	for i := range o.lanes {
		o.lanes[i].limit = limits[i]
		o.lanes[i].ready.L = &o.lanes[i].mu
	}
	return o
}

// submit queues a job; it never blocks.
func (o *offload) submit(which Lane, c completion) {
	l := &o.lanes[which]
	l.mu.Lock()
	defer l.mu.Unlock()
	l.queue.push(c)
	switch {
	case l.idle > 0:
		l.idle-- // here and not by the worker, or two jobs would signal one worker
		l.ready.Signal()
	case l.workers < l.limit:
		l.workers++
		o.group.Go(func() { o.work(l) })
	}
}

// work runs the jobs of a lane until it is closed and empty.
func (o *offload) work(l *lane) {
	for {
		c, ok := l.next()
		if !ok {
			return
		}
		c.err = run(c.job)
		o.finish(c)
	}
}

func (l *lane) next() (completion, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for l.queue.len() == 0 {
		if l.closed {
			return completion{}, false
		}
		l.idle++
		l.ready.Wait()
	}
	return l.queue.pop(), true
}

// run runs a job and turns a panic into an error: a bug in one handler ends
// one connection and not the server.
func run(job Job) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = fmt.Errorf("panic: %v\n%s", p, debug.Stack())
		}
	}()
	job.Run()
	return nil
}

func (o *offload) finish(c completion) {
	o.mu.Lock()
	o.done = append(o.done, c)
	first := len(o.done) == 1
	o.mu.Unlock()
	if first { // the others ride on the same wake-up
		o.wake()
	}
}

// completed appends what has run since the last call to batch[:0].
func (o *offload) completed(batch []completion) []completion {
	clear(batch)
	o.mu.Lock()
	defer o.mu.Unlock()
	batch, o.done = o.done, batch[:0]
	return batch
}

// close lets the workers end once their queues are empty.
func (o *offload) close() {
	for i := range o.lanes {
		l := &o.lanes[i]
		l.mu.Lock()
		l.closed = true
		l.ready.Broadcast()
		l.mu.Unlock()
	}
}

// fifo is a queue that reuses its memory.
type fifo[T any] struct {
	items []T
	head  int
}

func (q *fifo[T]) len() int { return len(q.items) - q.head }

func (q *fifo[T]) push(item T) { q.items = append(q.items, item) }

func (q *fifo[T]) first() *T { return &q.items[q.head] }

func (q *fifo[T]) last() *T { return &q.items[len(q.items)-1] }

func (q *fifo[T]) pop() T {
	var zero T
	item := q.items[q.head]
	q.items[q.head] = zero
	q.head++
	switch {
	case q.head == len(q.items):
		q.items, q.head = q.items[:0], 0
	case q.head >= 64 && q.head*2 >= len(q.items):
		n := copy(q.items, q.items[q.head:])
		clear(q.items[n:])
		q.items, q.head = q.items[:n], 0
	}
	return item
}

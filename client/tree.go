package client

import (
	"context"
	"sync"
	"time"

	"ftpd/protocol"
)

// walkAhead is how many files are known of before their turn comes, so that
// Progress learns early how much there is. Above it the walk waits.
const walkAhead = 1 << 14

// tree is a transfer of a tree in progress: what is common to both directions.
type tree struct {
	client  *Client
	ctx     context.Context    // ends with the first failure that ends the tree
	cancel  context.CancelFunc // ends ctx
	options TransferOptions
	remote  string
	local   string
	dirs    *localDirs
	jobs    chan job
	large   chan struct{} // holds a token for each file at work of more than a block
	desks   chan struct{} // holds a token for each file that is read or written here
	ahead   allowance     // bytes of small files that may wait for a round trip
	begun   time.Time

	transfer func(job) (Result, error) // does one
	starting sync.Mutex
	started  int // workers
	workers  sync.WaitGroup

	mu      sync.Mutex // guards what follows, and OnFile
	summary Summary
	errors  []error
	fatal   error
}

// job is one file of a tree.
type job struct {
	path string // below both ends, with slashes
	size int64
}

func newTree(ctx context.Context, c *Client, remote, local string, o *TransferOptions) *tree {
	t := &tree{client: c, options: o.withDefaults(), remote: remote, local: local, begun: time.Now()}
	if t.options.Workers <= 0 {
		t.options.Workers = defaultWorkers
	}
	t.ctx, t.cancel = context.WithCancel(ctx)
	t.jobs = make(chan job, walkAhead)
	t.large = make(chan struct{}, largeAtOnce)
	t.desks = make(chan struct{}, desks)
	t.ahead.left = smallAhead
	t.ahead.more.L = &t.ahead.mu
	return t
}

// hire has one more worker do the jobs that come, unless there are enough: a
// small tree needs few.
func (t *tree) hire() {
	t.starting.Lock()
	defer t.starting.Unlock()
	if t.started == t.options.Workers {
		return
	}
	t.started++
	t.workers.Go(func() {
		for j := range t.jobs {
			if err := t.ctx.Err(); err != nil { // it was not begun, so it has not failed
				t.end(err)
				t.options.Progress.Done(1)
				continue
			}
			result, err := t.sized(j)
			t.fileDone(j.path, result, err)
		}
	})
}

// sized does a job: of large files a few at a time, of small ones as many as wait
// for a round trip together without holding too much memory.
func (t *tree) sized(j job) (Result, error) {
	if j.size > protocol.BlockSize {
		t.large <- struct{}{}
		defer func() { <-t.large }()
	} else {
		t.ahead.take(j.size)
		defer t.ahead.give(j.size)
	}
	return t.transfer(j)
}

// enqueue lines a file up for the workers, and reports false when the tree has
// ended instead.
func (t *tree) enqueue(j job) bool {
	t.options.Progress.Expect(1, j.size)
	t.hire()
	select {
	case t.jobs <- j:
		return true
	case <-t.ctx.Done():
		t.end(t.ctx.Err())
		t.options.Progress.Done(1)
		return false
	}
}

// selected asks TransferOptions.Select.
func (t *tree) selected(path string, kind Kind) bool {
	return t.options.Select == nil || t.options.Select(path, kind)
}

// finish waits for the workers.
func (t *tree) finish() {
	close(t.jobs)
	t.workers.Wait()
}

// fileDone counts a file that was transferred or has failed.
func (t *tree) fileDone(path string, result Result, err error) {
	t.options.Progress.Done(1)
	if err != nil {
		t.failed(path, err)
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.summary.Files++
	t.summary.Bytes += result.Size
	t.options.event(t.eventOf(path, FileEvent{Result: result}))
}

// failed counts a file or a directory that failed; a failure of the
// connection or the context ends the tree.
func (t *tree) failed(path string, err error) {
	t.endIfOver(err)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.summary.Failed++
	if len(t.errors) < maxTreeErrors {
		t.errors = append(t.errors, err)
	}
	t.options.event(t.eventOf(path, FileEvent{Err: err}))
}

// endIfOver ends the tree when an error shows that nothing can follow.
func (t *tree) endIfOver(err error) {
	if t.ctx.Err() != nil || endsAll(err) {
		t.end(err)
	}
}

// end ends the tree; the first error counts.
func (t *tree) end(err error) {
	t.mu.Lock()
	if t.fatal == nil {
		t.fatal = err
	}
	t.mu.Unlock()
	t.cancel()
}

func (t *tree) skipped(path, why string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.summary.Skipped++
	t.options.event(t.eventOf(path, FileEvent{Skipped: why}))
}

func (t *tree) directory() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.summary.Directories++
}

// eventOf gives an event its paths.
func (t *tree) eventOf(path string, e FileEvent) FileEvent {
	e.Remote = join(t.remote, path)
	e.Local = localPath(t.local, path)
	return e
}

// result returns what came of the tree.
func (t *tree) result() (Summary, error) {
	t.cancel()
	t.mu.Lock()
	defer t.mu.Unlock()
	t.summary.Duration = time.Since(t.begun)
	switch {
	case t.fatal != nil:
		return t.summary, t.fatal
	case t.summary.Failed > 0:
		return t.summary, &TreeError{Failed: t.summary.Failed, Errors: t.errors}
	}
	return t.summary, nil
}

package client

import (
	"context"
	"math"
	"sync"
	"sync/atomic"
	"time"

	"ftpd/protocol"
)

// walkAhead is how many files are known of before their turn comes, so that
// Progress learns early how much there is. Above it the walk waits.
const walkAhead = 1 << 14

// tree is a transfer of a tree in progress: what is common to both directions.
type tree struct {
	client   *Client
	ctx      context.Context    // ends with the first failure that ends the tree
	cancel   context.CancelFunc // ends ctx
	options  TransferOptions
	remote   string
	local    string
	dirs     *localDirs
	limits   openLimits
	jobs     chan job
	bulks    []*bulk       // take the small files, one over each connection; none where each goes its own way
	bulkMost int           // small files under way over each
	large    chan struct{} // holds a token for each file at work of more than a block
	workers  sync.WaitGroup
	hired    atomic.Int64 // workers
	do       func(job) (Result, error)
	begun    time.Time

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
	t.limits = openLimitsOf(descriptorLimit())
	t.bulkMost = t.options.Workers
	if t.options.Workers <= 0 {
		t.options.Workers = t.limits.files
		t.bulkMost = math.MaxInt // those that wait for the server hold nothing here
	}
	t.ctx, t.cancel = context.WithCancel(ctx)
	t.jobs = make(chan job, walkAhead)
	t.large = make(chan struct{}, largeAtOnce)
	return t
}

// start has workers transfer each file that comes, and d those that go in bulk,
// unless that is nil.
func (t *tree) start(transfer func(job) (Result, error), d direction) {
	t.do = transfer
	if d == nil {
		return
	}
	most := min(bulkWorkers, t.options.Workers) // for each takes descriptors
	conns := t.client.all()
	conns = conns[:min(len(conns), most)]
	for _, c := range conns {
		t.bulks = append(t.bulks, newBulk(t, c, d, most/len(conns)))
	}
}

// addBulk has a small file go with others, over the connection that has the fewest
// to do.
func (t *tree) addBulk(j job) bool {
	var best *bulk
	least := math.MaxInt
	for _, b := range t.bulks {
		if n := b.load(); n < least {
			best, least = b, n
		}
	}
	return best != nil && best.add(j)
}

// hire starts a worker unless there are enough.
func (t *tree) hire() {
	if t.hired.Load() < int64(t.options.Workers) && t.hired.Add(1) <= int64(t.options.Workers) {
		t.workers.Go(t.work)
	}
}

// work is a worker.
func (t *tree) work() {
	for j := range t.jobs {
		if err := t.ctx.Err(); err != nil { // it was not begun, so it has not failed
			t.end(err)
			t.options.Progress.Done(1)
			continue
		}
		result, err := t.sized(j)
		t.fileDone(j.path, result, err)
	}
}

// sized does a job, of large files a few at a time.
func (t *tree) sized(j job) (Result, error) {
	if j.size > protocol.BlockSize {
		t.large <- struct{}{}
		defer func() { <-t.large }()
	}
	return t.do(j)
}

// enqueue lines a file up for the workers, and reports false when the tree has
// ended instead.
func (t *tree) enqueue(j job) bool {
	t.options.Progress.Expect(1, j.size)
	if j.size <= bulkSize && t.addBulk(j) {
		return true
	}
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
	for _, b := range t.bulks {
		b.finish()
	}
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

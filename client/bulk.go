package client

import (
	"math"
	"slices"
	"sync"
	"time"

	"ftpd/protocol"
)

const (
	// bulkSize is the size up to which a file of a tree goes in bulk, in bytes: a
	// server handles as much in one step.
	bulkSize = 64 << 10
	// bulkBatch is how many files a worker takes at once: so many requests leave
	// together, and so many replies wake one goroutine.
	bulkBatch = 16
	// bulkWorkers is how many are at work on local files at once, where they are
	// slow. Of those that sleep one is woken at a time, and wakes the next if
	// there is more than it takes: with fast files few run.
	bulkWorkers = 32
	// bulkAhead bounds the bytes of files that are under way, in memory of this side
	// or of the server, for more of which none is begun.
	bulkAhead = 32 << 20
	// bulkPayload bounds the replies that are kept for one.
	bulkPayload = protocol.DataOverhead + bulkSize
)

// bulk transfers the small files of a tree, without a goroutine for each: its
// workers begin a batch of requests, and end those that have been answered. It knows
// one way only, that in which all goes well. A file that anything unexpected happens
// to is passed on to the tree's other workers, which begin it anew, and tell
// what is wrong if it still is.
type bulk struct {
	tree *tree
	conn *conn
	direction
	workers  sync.WaitGroup
	watching sync.WaitGroup
	over     chan struct{} // closed when the workers have ended

	mu      sync.Mutex
	work    sync.Cond // there is something to do, or never will be
	room    sync.Cond // there are fewer jobs than walkAhead
	jobs    []job     // not begun
	flying  []*flight // begun, not answered
	landed  []*flight // answered, not ended
	window  int       // how many more may be begun
	ahead   int64     // bytes of those that were
	asleep  int       // workers that wait
	waking  bool      // one of them has been woken and does not run yet
	closed  bool      // no more jobs come
	stopped bool      // the context or the connection has ended: nothing is begun
}

// direction is what differs between getting and putting. Both methods report
// whether all went well.
type direction interface {
	// depart queues the request of a flight; the caller wakes the sender.
	depart(f *flight) bool
	// arrive ends the flight with what has come, and fills its result.
	arrive(f *flight) bool
}

// stage is how far a flight has come. Guarded by bulk.mu.
type stage uint8

const (
	boarding stage = iota // its request is being queued
	flying                // and can be answered
	landed                // it has been
	gone                  // the bulk has stopped, and the file was passed on
)

// flight is a small file under way.
type flight struct {
	part
	bulk  *bulk
	job   job
	begun time.Time
	stage stage
	at    int // in bulk.flying, while that is its stage

	// What has come belongs to the connection's reader, and then to a worker.
	came    [3]arrival // META, DATA and END of a GET, or OK of a PUT
	n       int        // how many came
	bad     bool       // others came
	getter  getter
	content []byte // that the GET brought, in came
	result  Result
}

// flights are those that have ended, for reuse.
var flights = sync.Pool{New: func() any { return new(flight) }}

// newBulk starts so many workers.
func newBulk(t *tree, c *conn, d direction, workers int) *bulk {
	b := &bulk{tree: t, conn: c, direction: d, over: make(chan struct{})}
	b.work.L, b.room.L = &b.mu, &b.mu
	b.window = max(1, min(t.bulkMost, c.server.InFlight-1)) // one is the listing
	for range workers {
		b.workers.Go(b.run)
	}
	b.watching.Go(b.watch)
	return b
}

// watch stops the bulk when its tree or its connection ends.
func (b *bulk) watch() {
	select {
	case <-b.over:
		return
	case <-b.tree.ctx.Done():
	case <-b.conn.dead:
	}
	b.mu.Lock()
	b.stopped = true
	left := b.flying
	b.flying = nil
	for _, f := range left {
		f.stage = gone
	}
	b.work.Broadcast()
	b.room.Broadcast()
	b.mu.Unlock()
	for _, f := range left {
		b.conn.cancel(&f.request)
		b.pass(f.job)
	}
}

// add lines a file up, and reports false once the bulk has stopped.
func (b *bulk) add(j job) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for len(b.jobs) >= walkAhead && !b.stopped {
		b.room.Wait()
	}
	if b.stopped {
		return false
	}
	b.jobs = append(b.jobs, j)
	b.wake()
	return true
}

// pass has one of the tree's other workers transfer a file.
func (b *bulk) pass(j job) {
	b.tree.hire()
	b.tree.jobs <- j
}

// finish waits until no file is left.
func (b *bulk) finish() {
	b.mu.Lock()
	b.closed = true
	b.work.Broadcast()
	b.mu.Unlock()
	b.workers.Wait()
	close(b.over)
	b.watching.Wait()
}

// wake wakes a worker, unless that has been done. b.mu is held.
func (b *bulk) wake() {
	if b.asleep > 0 && !b.waking && b.ready() {
		b.waking = true
		b.work.Signal()
	}
}

// ready tells whether there is something to do. b.mu is held.
func (b *bulk) ready() bool {
	return len(b.landed) > 0 || len(b.jobs) > 0 && (b.window > 0 && b.ahead < bulkAhead || b.stopped)
}

// turn is what a worker does between two looks for more.
type turn struct {
	most    int // how many files it takes
	jobs    []job
	arrived []*flight
	ended   int   // of arrived
	freed   int64 // the bytes of those
}

// run is a worker.
func (b *bulk) run() {
	t := turn{most: bulkBatch}
	for b.next(&t) {
		b.take(&t)
	}
}

// next takes back what a worker has ended, and finds what is for it to begin and to
// end. It returns false when nothing more will come.
func (b *bulk) next(t *turn) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.window += t.ended
	b.ahead -= t.freed
	t.ended, t.freed = 0, 0
	for !b.ready() {
		if b.closed && len(b.jobs) == 0 && len(b.flying) == 0 {
			b.work.Broadcast()
			return false
		}
		b.asleep++
		b.work.Wait()
		b.asleep--
		b.waking = false
	}
	n := min(len(b.landed), t.most)
	t.arrived = append(t.arrived[:0], b.landed[:n]...)
	b.landed = slices.Delete(b.landed, 0, n)
	n = min(len(b.jobs), t.most)
	if !b.stopped {
		n = min(n, b.window)
		n = b.fit(n)
	}
	b.window -= n
	t.jobs = append(t.jobs[:0], b.jobs[:n]...)
	if b.jobs = b.jobs[n:]; len(b.jobs) < walkAhead {
		b.room.Broadcast()
	}
	b.wake()
	return true
}

// take begins and ends files. Where that takes long, the others are left to workers
// that sleep, and this one takes one at a time.
func (b *bulk) take(t *turn) {
	start := time.Now()
	late := func() bool { return time.Since(start) > b.conn.limits.bulkTurn }
	begun := 0
	for begun < len(t.jobs) && (begun == 0 || !late()) { // first, so that the server has something to do
		b.begin(t.jobs[begun])
		begun++
	}
	if begun > 0 {
		b.conn.sender.wake()
	}
	t.ended = 0
	for t.ended < len(t.arrived) && (t.ended == 0 || !late()) {
		t.freed += t.arrived[t.ended].job.size
		b.end(t.arrived[t.ended])
		t.ended++
	}
	t.most = bulkBatch
	if late() {
		t.most = 1
		b.leave(t.jobs[begun:], t.arrived[t.ended:])
	}
}

// leave gives files to the other workers, in front of the rest: the next ones are of
// the same directory.
func (b *bulk) leave(jobs []job, arrived []*flight) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.window += len(jobs)
	for _, j := range jobs {
		b.ahead -= j.size
	}
	b.jobs = slices.Insert(b.jobs, 0, jobs...)
	b.landed = slices.Insert(b.landed, 0, arrived...)
	b.wake()
}

// begin sends the request for a file.
func (b *bulk) begin(j job) {
	f := flights.Get().(*flight)
	f.bulk, f.job, f.begun, f.request.flight = b, j, time.Now(), f
	f.path = join(b.tree.remote, j.path)
	departed := !b.hasStopped() && b.depart(f)
	b.mu.Lock()
	switch {
	case !departed:
		b.window++
		b.ahead -= j.size
	case f.stage == landed: // so soon
		b.landed = append(b.landed, f)
		b.wake()
	case b.stopped:
		f.stage = gone
	default:
		f.stage, f.at = flying, len(b.flying)
		b.flying = append(b.flying, f)
	}
	left := f.stage == gone
	b.mu.Unlock()
	if left {
		b.conn.cancel(&f.request)
	}
	if left || !departed {
		b.pass(j)
	}
}

// fit counts the bytes of at most n of the jobs as under way, and returns how many
// there is room for. b.mu is held.
func (b *bulk) fit(n int) int {
	for i := range n {
		if b.ahead >= bulkAhead {
			return i
		}
		b.ahead += b.jobs[i].size
	}
	return n
}

// load is how many files it still has to do; more than any once it has stopped.
func (b *bulk) load() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.stopped {
		return math.MaxInt
	}
	return len(b.jobs) + len(b.flying)
}

func (b *bulk) hasStopped() bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.stopped
}

// land takes flights that have been answered, and forgets them.
func (b *bulk) land(flights []*flight) {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, f := range flights {
		switch f.stage {
		case boarding: // it is still begin's
			f.stage = landed
		case flying:
			last := len(b.flying) - 1
			b.flying[f.at] = b.flying[last]
			b.flying[f.at].at = f.at
			b.flying[last] = nil
			b.flying = b.flying[:last]
			f.stage = landed
			b.landed = append(b.landed, f)
		case landed, gone:
		}
	}
	b.wake()
}

// end ends a flight that has been answered.
func (b *bulk) end(f *flight) {
	ok := !f.bad && b.tree.ctx.Err() == nil && b.arrive(f)
	for _, a := range f.came[:f.n] {
		a.buffer.free()
	}
	if !ok {
		b.conn.cancel(&f.request) // a server may owe more replies, or say so
		b.pass(f.job)
		return
	}
	b.tree.options.Progress.Moved(f.result.Size)
	b.tree.fileDone(f.job.path, f.result, nil)
	*f = flight{}
	flights.Put(f)
}

// keep keeps a reply. It is called by the connection's reader, as is gather.
func (f *flight) keep(in *receiver, reply protocol.Frame) {
	if f.bad = f.bad || f.n == len(f.came) || reply.Opcode == protocol.OpError || len(reply.Payload) > bulkPayload; f.bad {
		return
	}
	a := arrival{opcode: reply.Opcode, flags: reply.Flags}
	a.payload, a.buffer = in.pack(reply.Payload)
	f.came[f.n] = a
	f.n++
}

// gather takes a reply to a flight. Those that are complete are handed to their
// workers by handOver, many at a time.
func (c *conn) gather(f *flight, reply protocol.Frame, final bool) {
	f.keep(c.in, reply)
	switch {
	case final:
		c.finish(&f.request)
		if c.gathered = append(c.gathered, f); len(c.gathered) == bulkBatch {
			c.handOver()
		}
	case f.bad:
		c.cancel(&f.request)
	}
}

func (c *conn) handOver() {
	for rest := c.gathered; len(rest) > 0; {
		n := 1
		for n < len(rest) && rest[n].bulk == rest[0].bulk {
			n++
		}
		rest[0].bulk.land(rest[:n])
		rest = rest[n:]
	}
	clear(c.gathered)
	c.gathered = c.gathered[:0]
}

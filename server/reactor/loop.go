package reactor

import (
	"errors"
	"fmt"
	"net/netip"
	"runtime/debug"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"ftpd/selector"
)

// Loop serves the connections of one listening socket. It has no state outside
// itself: a process may run several.
type Loop struct {
	config   Config
	selector *selector.Selector
	edge     bool // the selector tells of a change only
	ceiling  ceiling
	offload  *offload
	buffers  buffers
	timers   timers
	listener listener
	places   places
	sites    sites
	bucket   *Bucket // of all connections; nil is no limit

	now                 time.Time
	epoch               time.Time // of connections' times
	conns               []*Conn
	events              []selector.Event
	batch               []completion
	readTurn, writeTurn int // bytes for each connection in this round

	touched []*Conn // to be settled in this round
	again   []*Conn // to be resumed in the next round
	resumed []*Conn // its memory of the round before
	hungry  [uses][len(bufferSizes)]fifo[*Conn]
	flows   []*flow           // for the next who needs one
	dead    []*Conn           // to be closed at the end of this round
	failed  []completion      // jobs that panicked in this round
	shakes  shakes            // of TLS, under way
	turns   chan struct{}     // see wire.turns
	jobs    int               // of all connections, on the offload pool
	scratch []byte            // see Link.Scratch
	nowhere [SmallBuffer]byte // what is said to connections that have ended

	draining bool
	forced   bool // the time to drain is over
	drain    timer
	trim     timer
	pressure timer
	pulse    timer
	shutdown atomic.Bool
	abort    atomic.Bool
	stats    stats
}

// stats is what other goroutines may see of a loop.
type stats struct {
	conns, accepted, refused, jobs, rounds atomic.Int64
}

// Stats are figures about a loop, each exact at some moment of the last round.
type Stats struct {
	Connections int64 // open now
	Accepted    int64 // since the start
	Refused     int64 // since the start, for want of a place
	Jobs        int64 // on the offload pool now
	Rounds      int64 // of the loop since the start; an idle loop makes none
	Memory      int64 // bytes of buffers lent now
}

// New makes a loop over a listening socket, which it owns from then on: see
// Listen. Run starts it.
func New(listenFD int, config Config) (*Loop, error) {
	config = config.withDefaults()
	s, err := selector.Open(config.Selector)
	if err != nil {
		return nil, errors.Join(err, unix.Close(listenFD))
	}
	l := &Loop{config: config, selector: s, edge: s.Kind().EdgeTriggered(), ceiling: newCeiling(s.Kind().Limit()), buffers: buffers{limit: config.Memory}}
	l.epoch = time.Now()
	l.offload = newOffload([lanes]int{Quick: config.QuickWorkers, Open: config.OpenWorkers, Transfer: config.TransferWorkers, Commit: config.CommitWorkers, Slow: config.SlowWorkers, Login: LoginWorkers, Home: config.HomeWorkers}, l.wake)
	l.listener = listener{loop: l, fd: listenFD}
	l.listener.timer.owner = &l.listener
	l.drain.owner = drainTimer{l}
	l.trim.owner = trimmer{l}
	l.pressure.owner = reclaimer{l}
	l.pulse.owner = heart{l}
	l.scratch = make([]byte, MediumBuffer)
	if config.RateUp > 0 || config.RateDown > 0 {
		l.bucket = NewBucket(config.RateUp, config.RateDown)
	}
	l.shakes.most = l.config.Handshakes
	l.turns = make(chan struct{}, computing())
	l.sites.loop = l
	if config.MaxPerAddress > 0 || config.AddressRateUp > 0 || config.AddressRateDown > 0 {
		l.sites.known = map[netip.Prefix]*site{}
	}
	if err := l.listener.resume(); err != nil {
		return nil, errors.Join(fmt.Errorf("watch the listening socket: %w", err), s.Close(), unix.Close(listenFD))
	}
	return l, nil
}

// Selector returns the kind of selector in use.
func (l *Loop) Selector() selector.Kind { return l.selector.Kind() }

// Stats returns the loop's figures. Any goroutine may call it.
func (l *Loop) Stats() Stats {
	return Stats{
		Connections: l.stats.conns.Load(),
		Accepted:    l.stats.accepted.Load(),
		Refused:     l.stats.refused.Load(),
		Jobs:        l.stats.jobs.Load(),
		Rounds:      l.stats.rounds.Load(),
		Memory:      l.buffers.lent.Load(),
	}
}

// Shutdown stops accepting and drains: Run returns when every connection has
// finished, or after Config.DrainTimeout. Any goroutine may call it, also more
// than once.
func (l *Loop) Shutdown() {
	l.shutdown.Store(true)
	l.wake()
}

// Abort closes every connection at once and makes Run return. Any goroutine
// may call it.
func (l *Loop) Abort() {
	l.abort.Store(true)
	l.wake()
}

func (l *Loop) wake() {
	if err := l.selector.Wake(); err != nil && !errors.Is(err, selector.ErrClosed) {
		l.config.Logger.Error("cannot wake the selector", "error", err)
	}
}

// Run serves until Shutdown has drained or Abort was called. Its error is that
// of the selector, without which nothing can be served.
func (l *Loop) Run() error {
	l.now = time.Now()
	if l.config.Heartbeat != nil {
		l.pulse.owner.expire(l.now)
	}
	var err error
	for err == nil && !l.finished() {
		err = l.round()
	}
	l.listener.close()
	reason := l.cutFor(err)
	for _, c := range l.conns {
		c.Abort(reason)
	}
	l.bury()
	l.finishJobs()
	return errors.Join(err, l.selector.Close())
}

// round is one turn of the loop.
func (l *Loop) round() error {
	var err error
	l.events, err = l.selector.Select(l.events, l.timeout()) // 1. wait
	if err != nil {
		return fmt.Errorf("select: %w", err)
	}
	l.step(time.Now()) // 2. the only look at the clock
	return nil
}

// step is a round but for the waiting; now is the time for all of it.
func (l *Loop) step(now time.Time) {
	l.now = now
	l.stats.rounds.Add(1)
	again := l.again
	l.again = l.resumed[:0]
	l.readTurn = turn(l.config.ReadBudget, len(l.events))
	for _, event := range l.events { // 3. events
		l.serve(event)
	}
	l.complete()              // 4. completions
	for _, c := range again { // 5. what the last round left over
		c.again = false
		l.resume(c)
	}
	clear(again)
	l.resumed = again
	l.feed()            // 6. memory for those who wait for it
	l.timers.run(l.now) // 7. deadlines
	l.checkShutdown()
	l.settleAll() // 8. write, refill, adjust interest
	l.bury()      // 9. close
}

func (l *Loop) timeout() time.Duration {
	if len(l.again) > 0 {
		return 0
	}
	for use := range l.hungry {
		for class := range l.hungry[use] {
			if l.hungry[use][class].len() > 0 && l.buffers.has(uint8(class), Use(use)) {
				return 0
			}
		}
	}
	return l.timers.wait(l.now)
}

func (l *Loop) serve(event selector.Event) {
	switch owner := event.Key.Data().(type) {
	case *listener:
		owner.accept()
	case *Conn:
		if event.Ready&selector.Write != 0 {
			owner.blocked = false
			l.touch(owner)
		}
		if event.Ready&selector.Read != 0 {
			l.readable(owner)
		}
	}
}

// complete hands the jobs that have run to their sessions. One that panicked comes
// back once its connection is closed, for the session must not go on with it.
func (l *Loop) complete() {
	l.batch = l.offload.completed(l.batch)
	for _, done := range l.batch {
		switch job := done.job.(type) {
		case flight:
			l.touch(done.conn)
			continue
		case *handshake:
			l.shaken(done.conn, job)
			continue
		}
		if done.err == nil {
			l.deliver(done)
			continue
		}
		l.config.Logger.Error("a job failed", "error", done.err)
		done.conn.Abort(ReasonInternal)
		l.failed = append(l.failed, done)
	}
	l.stats.jobs.Store(int64(l.jobs))
}

func (l *Loop) deliver(done completion) {
	c := done.conn
	c.jobs--
	l.jobs--
	l.guard(c, func() { c.session.Complete(l.now, done.job) })
	l.touch(c)
}

func (l *Loop) resume(c *Conn) {
	if c.phase == open && !c.Handshaking() {
		l.guard(c, func() { c.session.Resume(l.now) })
	}
	if c.phase == open && c.transport.More() {
		l.readable(c)
	}
	l.touch(c)
}

// feed resumes the connections that wait for memory, first come first served,
// as long as there is some.
func (l *Loop) feed() {
	for use := range l.hungry {
		for class := range l.hungry[use] {
			l.feedClass(Use(use), uint8(class))
		}
	}
	if l.pressure.index == 0 && l.wanting() {
		l.timers.set(&l.pressure, l.now.Add(reclaimEvery))
	}
}

func (l *Loop) feedClass(use Use, class uint8) {
	waiting := &l.hungry[use][class]
	for range waiting.len() {
		if !l.buffers.has(class, use) {
			return
		}
		c := waiting.pop()
		c.hungry[use] &^= 1 << class
		c.starved = false
		l.resume(c)
	}
}

// touch has a connection settled at the end of the round.
func (l *Loop) touch(c *Conn) {
	if !c.touched && c.phase != closed {
		c.touched = true
		l.touched = append(l.touched, c)
	}
}

// minTurn is what a connection may move in its turn, however many have one, in bytes.
const minTurn = 64 << 10

// turn shares the budget of a round among so many connections, so that a round, which
// everybody waits for, takes no longer the more of them are busy.
func turn(budget, among int) int { return max(min(budget, minTurn), budget/max(1, among)) }

func (l *Loop) settleAll() {
	l.writeTurn = turn(l.config.WriteBudget, len(l.touched))
	for _, c := range l.touched {
		l.settle(c)
		c.touched = false // not before: what it produced just now is for the next round
	}
	clear(l.touched)
	l.touched = l.touched[:0]
}

// bury closes what has died in this round. Until here every descriptor stayed
// open, so no event of the round could name a new connection by mistake.
func (l *Loop) bury() {
	for _, c := range l.dead {
		l.guard(c, func() { c.session.Closed(l.now, c.reason()) })
		if c.interest != 0 {
			if _, err := l.selector.Unregister(int(c.fd)); err != nil {
				l.config.Logger.Error("cannot forget a connection", "error", err)
			}
		}
		_ = unix.Close(int(c.fd)) // the peer learns nothing from its result
		l.remove(c)
	}
	clear(l.dead)
	l.dead = l.dead[:0]
	for _, done := range l.failed {
		l.deliver(done)
	}
	if len(l.failed) > 0 {
		l.failed = nil
		l.stats.jobs.Store(int64(l.jobs))
	}
	if l.trim.index == 0 && l.buffers.idle() {
		l.timers.set(&l.trim, l.now.Add(trimAfter))
	}
}

func (l *Loop) remove(c *Conn) {
	last := l.conns[len(l.conns)-1]
	l.conns[c.index], last.index = last, c.index
	l.conns[len(l.conns)-1] = nil
	l.conns = l.conns[:len(l.conns)-1]
	c.leavePlace()
	c.leaveSite()
	l.ceiling.count(int(c.fd), -1)
	l.listener.makeRoom()
	l.stats.conns.Store(int64(len(l.conns)))
}

// newConn makes a connection of a descriptor, with the buckets of the server and of
// its site.
func (l *Loop) newConn(fd int, s *site, where place) *Conn {
	c := &Conn{
		loop:  l,
		fd:    int32(fd),
		index: int32(len(l.conns)),
		moved: l.now.Sub(l.epoch),
	}
	if c.transport = (*plain)(c); l.config.TLS != nil {
		c.transport = newSecure(c, l.config.TLS)
	}
	c.timer.owner = c
	if l.bucket != nil {
		c.Limit(l.bucket)
	}
	if s != nil {
		c.belong(s)
	}
	c.takePlace(where)
	l.ceiling.count(fd, +1)
	return c
}

// open gives a connection its session.
func (l *Loop) open(c *Conn, peer Peer) {
	c.session = l.config.NewSession(peer)
	l.conns = append(l.conns, c)
	l.stats.conns.Store(int64(len(l.conns)))
	l.stats.accepted.Add(1)
	l.guard(c, func() { c.session.Open(l.now, c) })
	l.touch(c)
}

// guard calls a session and turns its panic into the end of its connection.
func (l *Loop) guard(c *Conn, call func()) {
	defer func() {
		if p := recover(); p != nil {
			l.config.Logger.Error("a session panicked", "panic", p, "stack", string(debug.Stack()))
			c.Abort(ReasonInternal)
		}
	}()
	call()
}

//go:build unix

package reactor

import (
	"errors"
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// mover is a session that sends without an end if it is full, and counts what it is sent.
type mover struct {
	Session
	link   Link
	full   bool
	greedy bool // it wants all the memory there is
	held   []*Buffer
	reason Reason
	peer   Peer
}

func (m *mover) Open(_ time.Time, link Link) { m.link = link }
func (m *mover) Paused() bool                { return false }
func (m *mover) Input(time.Time) []byte      { return m.link.Scratch() }
func (m *mover) Received(time.Time, int)     {}
func (m *mover) EOF(time.Time)               { m.link.Abort(ReasonEOF) }
func (m *mover) Expire(time.Time)            {}
func (m *mover) Holding() time.Time          { return time.Time{} }

func (m *mover) Resume(time.Time) {
	for m.full && m.link.Queued() < 256<<10 {
		m.link.Send(m.link.Take(LargeBuffer), LargeBuffer)
	}
	for m.greedy && !m.link.Hungry() {
		if b := m.link.Buffer(LargeBuffer, Bulk); b != nil {
			m.held = append(m.held, b)
		}
	}
}

func (m *mover) Closed(_ time.Time, why Reason) {
	m.reason = why
	for _, b := range m.held {
		m.link.Release(b)
	}
}

// clockwork is a loop whose clock the test moves, from one deadline to the next.
type clockwork struct {
	*Loop
	t     *testing.T
	start time.Time
	peers []*movedPeer
}

// movedPeer is the other end of a connection.
type movedPeer struct {
	fd       int
	conn     *Conn
	session  *mover
	uploads  bool // it sends without an end
	deaf     bool // it takes nothing
	sent     int64
	received int64
}

func newClockwork(t *testing.T, config Config) *clockwork {
	t.Helper()
	fd, _, err := Listen(netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	config.Logger = slog.New(slog.DiscardHandler)
	config.NewSession = func(p Peer) Session { return &mover{peer: p} }
	loop, err := New(fd, config)
	if err != nil {
		t.Fatal(err)
	}
	w := &clockwork{Loop: loop, t: t, start: time.Now()}
	loop.now = w.start
	t.Cleanup(func() {
		loop.Abort()
		if err := loop.Run(); err != nil { // only to end it
			t.Error(err)
		}
		for _, p := range w.peers {
			_ = unix.Close(p.fd)
		}
	})
	return w
}

// connect adds a connection that shares buckets.
func (w *clockwork) connect(download bool, buckets ...*Bucket) *movedPeer {
	w.t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, fd := range fds {
		if err := unix.SetNonblock(fd, true); err != nil {
			w.t.Fatal(err)
		}
	}
	w.add(fds[0], netip.MustParseAddrPort("192.0.2.1:1"))
	conn := w.conns[len(w.conns)-1]
	p := &movedPeer{fd: fds[1], conn: conn, session: conn.session.(*mover), uploads: !download}
	p.session.full = download
	for _, b := range buckets {
		conn.Limit(b)
	}
	w.peers = append(w.peers, p)
	return p
}

// run lets so much time pass.
func (w *clockwork) run(d time.Duration) {
	w.t.Helper()
	end := w.now.Add(d)
	for w.now.Before(end) {
		for _, p := range w.peers {
			p.move(w.t)
		}
		events, err := w.selector.Select(w.events, 0)
		if err != nil {
			w.t.Fatal(err)
		}
		w.events = events
		wait := w.timeout()
		switch {
		case len(events)+len(w.touched) > 0 || wait == 0: // there is work: next to no time passes
			wait = time.Microsecond
		case wait < 0:
			wait = d
		default:
			wait = max(time.Millisecond, wait)
		}
		if next := w.now.Add(wait); next.Before(end) {
			w.step(next)
		} else {
			w.step(end)
		}
	}
}

// move takes and sends all that the connection's buffers in the kernel allow.
func (p *movedPeer) move(t *testing.T) {
	var b [64 << 10]byte
	for !p.deaf {
		n, err := unix.Read(p.fd, b[:])
		if n <= 0 {
			check(t, err)
			break
		}
		p.received += int64(n)
	}
	for p.uploads {
		n, err := unix.Write(p.fd, b[:])
		if n <= 0 {
			check(t, err)
			return
		}
		p.sent += int64(n)
	}
}

// check ends the test for an error that is not that of a socket with nothing to do.
func check(t *testing.T, err error) {
	t.Helper()
	if err != nil && !errors.Is(err, unix.EAGAIN) && !errors.Is(err, unix.EPIPE) && !errors.Is(err, unix.ECONNRESET) {
		t.Fatal(err)
	}
}

// moved returns what a peer has moved in the direction of a test.
func (p *movedPeer) moved() int64 { return p.conn.in + p.received }

// TestBucketShared has connections share a bucket: together they move what it gives,
// each the same, also one that comes late, and in both directions.
func TestBucketShared(t *testing.T) {
	for _, download := range []bool{true, false} {
		for _, rate := range []int64{MinRate, 100_000, 10_000_000} {
			w := newClockwork(t, Config{})
			bucket := NewBucket(rate, rate)
			for range 4 {
				w.connect(download, bucket)
			}
			w.run(10 * time.Second)
			late := w.connect(download, bucket)
			before := [4]int64{}
			for i, p := range w.peers[:4] {
				before[i] = p.moved()
			}
			w.run(20 * time.Second)
			quantum := int64(bucket.meters[0].quantum())
			var total int64
			for _, p := range w.peers {
				total += p.moved()
			}
			slack := quantum + rate/20 + 5*freeStart
			if want := 30 * rate; total < want-slack || total > want+slack {
				t.Errorf("%d B/s, down %t: %d bytes in 30 s, want %d", rate, download, total, want)
			}
			for i, p := range w.peers[:4] {
				if got := p.moved() - before[i]; got < late.moved()-freeStart-2*quantum || got > late.moved()+2*quantum {
					t.Errorf("%d B/s, down %t: one moved %d bytes, and one that came late %d", rate, download, got, late.moved())
				}
			}
		}
	}
}

// TestNobodyOvertakes has one come for a few bytes at the moment when those in line may go
// on: it stands behind them.
func TestNobodyOvertakes(t *testing.T) {
	w := newClockwork(t, Config{})
	bucket := NewBucket(0, 100_000)
	w.connect(true, bucket)
	w.run(time.Second)
	late := w.connect(false, bucket).conn
	late.out = freeStart
	line := &bucket.meters[output]
	w.now = line.paid.Add(time.Millisecond)
	if before := line.line.Len(); before == 0 || late.allowance(output, 1) != 0 || line.line.Len() != before+1 {
		t.Errorf("%d stood in line, and %d do now", before, line.line.Len())
	}
}

// TestBucketsTogether has a connection need two buckets that others use all the time: it
// gets on as well, and no faster than the narrower one lets it.
func TestBucketsTogether(t *testing.T) {
	w := newClockwork(t, Config{})
	server, user := NewBucket(0, 100_000), NewBucket(0, 20_000)
	var others []*movedPeer
	for range 3 {
		others = append(others, w.connect(true, server))
	}
	both := []*movedPeer{w.connect(true, server, user), w.connect(true, user, server)}
	w.run(time.Minute)
	var rest int64
	for _, p := range others {
		rest += p.received
	}
	for _, p := range both {
		if p.received < 500_000 || p.received > 650_000 {
			t.Errorf("one of two that share 20,000 B/s got %d bytes in 60 s", p.received)
		}
	}
	if rest < 4_700_000 || rest > 4_900_000 {
		t.Errorf("those that share what is left of 100,000 B/s got %d bytes in 60 s", rest)
	}
}

// TestBucketCloses closes connections that stand in line: those behind them go on.
func TestBucketCloses(t *testing.T) {
	w := newClockwork(t, Config{})
	bucket := NewBucket(0, MinRate)
	for range 10 {
		w.connect(true, bucket)
	}
	w.run(60 * time.Second)
	last := w.peers[9]
	before := last.received
	for _, p := range w.peers[:9] {
		p.conn.Abort(ReasonAbort)
	}
	w.run(10 * time.Second)
	if got := last.received - before; got < 9*MinRate || got > 11*MinRate {
		t.Errorf("%d bytes in 10 s, want %d", got, 10*MinRate)
	}
	if n := bucket.meters[output].line.Len(); n > 1 {
		t.Errorf("%d stand in line, and one is there", n)
	}
}

// TestBucketRests has a bucket that nobody used for long give no more than a moment's worth at once.
func TestBucketRests(t *testing.T) {
	w := newClockwork(t, Config{})
	p := w.connect(true, NewBucket(0, 1_000_000))
	p.session.full = false
	w.run(time.Hour)
	p.session.full = true
	w.touch(p.conn)
	w.run(10 * time.Millisecond)
	if p.received > 150_000 {
		t.Errorf("%d bytes at once after a rest", p.received)
	}
}

// TestBucketMoves has a wait for a bucket count as movement, and not as holding memory;
// a peer that takes nothing stays what it is.
func TestBucketMoves(t *testing.T) {
	w := newClockwork(t, Config{Memory: 1, HoldTimeout: 10 * time.Second})
	bucket := NewBucket(0, MinRate)
	taking, deaf := w.connect(true, bucket), w.connect(true, bucket)
	deaf.deaf = true
	w.run(time.Minute)
	if got := w.now.Sub(taking.conn.Moved()); got != 0 {
		t.Errorf("it moved %s ago", got)
	}
	wanting := w.connect(true)
	wanting.session.full, wanting.session.greedy = false, true
	w.run(30 * time.Minute)
	if taking.conn.phase != open {
		t.Errorf("the connection that waits for its bucket was closed: %s", taking.session.reason)
	}
	if deaf.conn.phase == open || deaf.session.reason != ReasonMemory {
		t.Errorf("the connection whose peer takes nothing: %q", deaf.session.reason)
	}
}

// TestNoBucket pins what a connection without limits pays for them.
func TestNoBucket(t *testing.T) {
	c := &Conn{}
	if n := testing.AllocsPerRun(100, func() {
		if c.allowance(input, 100) != 100 {
			t.Fatal("held back by nothing")
		}
		c.charge(output, 100)
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// TestBucketStart has a connection come to a bucket that others stand in line for: its
// first bytes do not wait, and are paid for.
func TestBucketStart(t *testing.T) {
	w := newClockwork(t, Config{})
	bucket := NewBucket(0, MinRate)
	for range 20 {
		w.connect(true, bucket)
	}
	w.run(3 * time.Minute)
	paid := bucket.meters[output].paid
	late := w.connect(true, bucket)
	w.run(10 * time.Millisecond)
	if late.received < freeStart || late.received > 2*freeStart {
		t.Errorf("%d bytes came at once", late.received)
	}
	if later := bucket.meters[output].paid.Sub(paid); later < 4*time.Second {
		t.Errorf("they cost %s", later)
	}
}

// TestNarrow has the kernel hold little of what is read slowly.
func TestNarrow(t *testing.T) {
	w := newClockwork(t, Config{})
	held := func(p *movedPeer) int {
		n, err := unix.GetsockoptInt(int(p.conn.fd), unix.SOL_SOCKET, unix.SO_RCVBUF)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	usual := held(w.connect(false))
	if n := held(w.connect(false, NewBucket(narrowBelow, 1))); n != usual {
		t.Errorf("%d bytes at a rate that is not low, %d without one", n, usual)
	}
	if n := held(w.connect(false, NewBucket(5000, 0))); n > 10_000 {
		t.Errorf("%d bytes at 5,000 B/s", n)
	}
}

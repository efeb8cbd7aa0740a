//go:build unix

package reactor_test

import (
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/netip"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"ftpd/selector"
	"ftpd/server/reactor"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// echo is a small protocol for tests: it sends back what comes. Some first
// bytes ask for something else.
type echo struct {
	link   reactor.Link
	config *echoConfig
	input  *reactor.Buffer
	closed chan<- reactor.Reason

	onResume func()
	greedy   bool
	stubborn bool
}

func (e *echo) resume() {
	for e.greedy {
		b := e.link.Buffer(reactor.LargeBuffer, reactor.Control)
		if b == nil {
			break
		}
		e.link.Send(b, reactor.LargeBuffer)
	}
	if e.onResume != nil {
		e.onResume()
		e.onResume = nil
	}
}

type echoConfig struct {
	mu       sync.Mutex
	accepted sync.Cond
	closed   map[string]chan reactor.Reason // by peer
	full     int
	held     chan struct{} // what 'H' waits for
}

type echoJob struct {
	run  func()
	text string
}

func (j *echoJob) Run() { j.run() }

func (c *echoConfig) session(peer reactor.Peer) reactor.Session {
	c.mu.Lock()
	defer c.mu.Unlock()
	if peer.Full != reactor.NotFull {
		c.full++
	}
	closed := make(chan reactor.Reason, 1)
	c.closed[peer.Address.String()] = closed
	c.accepted.Broadcast()
	return &echo{config: c, closed: closed}
}

// reason waits for the reason that the server's end of conn was closed for.
func (c *echoConfig) reason(conn net.Conn) reactor.Reason {
	c.mu.Lock()
	for c.closed[conn.LocalAddr().String()] == nil {
		c.accepted.Wait()
	}
	closed := c.closed[conn.LocalAddr().String()]
	c.mu.Unlock()
	return <-closed
}

func (e *echo) Open(_ time.Time, link reactor.Link) { e.link = link }
func (e *echo) Paused() bool                        { return e.link.Queued() > 1<<20 }
func (e *echo) Resume(time.Time)                    { e.resume() }
func (e *echo) Holding() time.Time                  { return time.Time{} }
func (e *echo) EOF(time.Time)                       { e.link.Finish(reactor.ReasonEOF) }
func (e *echo) Expire(time.Time)                    { e.link.Abort("too late") }

func (e *echo) Drain(time.Time) {
	if !e.stubborn {
		e.say("bye")
		e.link.Finish("drained")
	}
}

func (e *echo) Input(time.Time) []byte {
	if e.input == nil {
		e.input = e.link.Buffer(reactor.MediumBuffer, reactor.Control)
	}
	if e.input == nil {
		return nil
	}
	return e.input.Bytes
}

func (e *echo) say(text string) {
	e.link.Commit(append(e.link.Reserve(len(text)), text...))
}

func (e *echo) Received(now time.Time, n int) {
	if n == 0 {
		return
	}
	b := e.input
	e.input = nil
	switch b.Bytes[0] {
	case 'P':
		e.input = b
		panic("asked to")
	case 'J':
		e.link.Offload(reactor.Quick, &echoJob{run: func() { panic("asked to") }})
	case 'W':
		e.link.Offload(reactor.Slow, &echoJob{run: func() {}, text: "worked"})
	case 'D':
		e.link.SetDeadline(now.Add(50 * time.Millisecond))
	case 'R':
		e.onResume = func() {
			e.say("resumed")
			e.link.Finish("said so")
		}
		e.link.Again()
	case 'B': // more than the budget of a turn
		for range 30 {
			e.link.Send(e.link.Buffer(reactor.LargeBuffer, reactor.Control), reactor.LargeBuffer)
		}
		e.link.Finish("said so")
	case 'G': // all the memory there is, from now on
		e.greedy = true
		e.resume()
	case 'S': // stay until cut
		e.stubborn = true
		e.say("S")
	case 'H': // hold up everybody
		<-e.config.held
	case 'L': // last words, with input still unread
		e.say("last words")
		e.link.Finish("said so")
	default:
		e.link.Send(b, n)
		return
	}
	e.link.Release(b)
}

func (e *echo) Complete(_ time.Time, job reactor.Job) { e.say(job.(*echoJob).text) }

func (e *echo) Closed(_ time.Time, reason reactor.Reason) {
	if e.input != nil {
		e.link.Release(e.input)
		e.input = nil
	}
	e.closed <- reason
}

// running is a loop that serves echo.
type running struct {
	*reactor.Loop
	*echoConfig
	address string
	done    chan error
}

func start(t *testing.T, config reactor.Config) *running {
	t.Helper()
	fd, address, err := reactor.Listen(netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	e := &echoConfig{closed: map[string]chan reactor.Reason{}, held: make(chan struct{})}
	e.accepted.L = &e.mu
	if name := os.Getenv("FTPD_SELECTOR"); name != "" && config.Selector == selector.Auto {
		if config.Selector, err = selector.ParseKind(name); err != nil {
			t.Fatal(err)
		}
	}
	config.NewSession = e.session
	if config.Logger == nil {
		config.Logger = slog.New(slog.DiscardHandler)
	}
	loop, err := reactor.New(fd, config)
	if err != nil {
		t.Fatal(err)
	}
	r := &running{Loop: loop, echoConfig: e, address: address.String(), done: make(chan error, 1)}
	go func() { r.done <- loop.Run() }()
	t.Cleanup(func() {
		loop.Abort()
		if err := <-r.done; err != nil {
			t.Error(err)
		}
		if left := loop.Stats(); left.Connections != 0 || left.Memory != 0 || left.Jobs != 0 {
			t.Errorf("left at the end: %+v", left)
		}
	})
	return r
}

func (r *running) dial(t *testing.T) net.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", r.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil { // no test hangs
		t.Fatal(err)
	}
	return conn
}

func say(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
}

func hear(t *testing.T, conn net.Conn, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(conn, got); err != nil || string(got) != want {
		t.Fatalf("heard %q, %v instead of %q", got, err, want)
	}
}

// each runs a test on every kind of selector that this platform has.
func each(t *testing.T, test func(t *testing.T, kind selector.Kind)) {
	for _, kind := range selector.Kinds() {
		t.Run(kind.String(), func(t *testing.T) { test(t, kind) })
	}
}

func TestEcho(t *testing.T) {
	each(t, func(t *testing.T, kind selector.Kind) {
		r := start(t, reactor.Config{Selector: kind})
		var group sync.WaitGroup
		for i := range 50 {
			conn := r.dial(t)
			group.Go(func() {
				for j := range 20 {
					text := fmt.Sprintf("%d-%d", i, j)
					say(t, conn, text)
					hear(t, conn, text)
				}
			})
		}
		group.Wait()
	})
}

// TestLargeEcho sends more than any buffer or budget holds, to a peer that
// starts to read late.
func TestLargeEcho(t *testing.T) {
	each(t, func(t *testing.T, kind selector.Kind) {
		r := start(t, reactor.Config{Selector: kind, Memory: 1})
		data := bytes.Repeat([]byte("0123456789abcde\n"), 2<<20)
		var group sync.WaitGroup
		for range 3 {
			conn := r.dial(t)
			group.Go(func() {
				if _, err := conn.Write(data); err != nil {
					t.Error(err)
				}
			})
			group.Go(func() {
				got := make([]byte, len(data))
				if _, err := io.ReadFull(conn, got); err != nil || !bytes.Equal(got, data) {
					t.Errorf("the echo differs: %v", err)
				}
			})
		}
		group.Wait()
	})
}

// TestAllAtOnce has more for one round than its budgets allow: connections to
// accept, and an end of the stream behind what is read. An edge-triggered
// selector tells of each once.
func TestAllAtOnce(t *testing.T) {
	each(t, func(t *testing.T, kind selector.Kind) {
		r := start(t, reactor.Config{Selector: kind})
		holder := r.dial(t)
		inside := r.dial(t)
		say(t, inside, "x")
		hear(t, inside, "x")
		say(t, holder, "H")
		var conns []net.Conn
		for range 300 {
			conn := r.dial(t)
			say(t, conn, "y")
			if err := conn.(*net.TCPConn).CloseWrite(); err != nil {
				t.Fatal(err)
			}
			conns = append(conns, conn)
		}
		say(t, inside, "z")
		if err := inside.(*net.TCPConn).CloseWrite(); err != nil {
			t.Fatal(err)
		}
		close(r.held)
		for _, conn := range append(conns, inside) {
			if got := r.reason(conn); got != reactor.ReasonEOF {
				t.Errorf("closed for %q", got)
			}
		}
	})
}

func TestJobAndDeadline(t *testing.T) {
	r := start(t, reactor.Config{})
	conn := r.dial(t)
	say(t, conn, "W")
	hear(t, conn, "worked")
	say(t, conn, "D")
	if got := r.reason(conn); got != "too late" {
		t.Errorf("closed for %q", got)
	}
}

// TestPanics has bugs in one connection that no other notices.
func TestPanics(t *testing.T) {
	r := start(t, reactor.Config{})
	other := r.dial(t)
	for _, trigger := range []string{"P", "J"} {
		conn := r.dial(t)
		say(t, conn, trigger)
		if got := r.reason(conn); got != reactor.ReasonInternal {
			t.Errorf("%s: closed for %q", trigger, got)
		}
		say(t, other, "still here")
		hear(t, other, "still here")
	}
}

// TestLastWords closes a connection whose input was not all read: the peer
// still gets what was said last, and no reset.
func TestLastWords(t *testing.T) {
	r := start(t, reactor.Config{})
	conn := r.dial(t)
	say(t, conn, "L"+strings.Repeat("x", 3<<20))
	got, err := io.ReadAll(conn)
	if err != nil || string(got) != "last words" {
		t.Errorf("heard %q, %v", got, err)
	}
	_ = conn.Close()
	if got := r.reason(conn); got != "said so" {
		t.Errorf("closed for %q", got)
	}
}

// TestLastWordsAtLength ends connections with more queued than one round
// writes, and from Resume.
func TestLastWordsAtLength(t *testing.T) {
	r := start(t, reactor.Config{LingerTimeout: time.Minute})
	for said, want := range map[string]int{"B": 30 * reactor.LargeBuffer, "R": len("resumed")} {
		conn := r.dial(t)
		say(t, conn, said)
		if got, err := io.ReadAll(conn); err != nil || len(got) != want {
			t.Errorf("%s: heard %d bytes of %d, %v", said, len(got), want, err)
		}
	}
}

func TestPeerGoesAway(t *testing.T) {
	r := start(t, reactor.Config{})
	conn := r.dial(t)
	say(t, conn, "x")
	hear(t, conn, "x")
	_ = conn.Close()
	if got := r.reason(conn); got != reactor.ReasonEOF {
		t.Errorf("closed for %q", got)
	}
	reset := r.dial(t)
	say(t, reset, "x")
	hear(t, reset, "x")
	_ = reset.(*net.TCPConn).SetLinger(0) // close with a reset
	_ = reset.Close()
	if got := r.reason(reset); got != reactor.ReasonReset {
		t.Errorf("closed for %q", got)
	}
}

func TestShutdown(t *testing.T) {
	r := start(t, reactor.Config{})
	conn := r.dial(t)
	say(t, conn, "x")
	hear(t, conn, "x")
	r.Shutdown()
	hear(t, conn, "bye")
	if got := r.reason(conn); got != "drained" {
		t.Errorf("closed for %q", got)
	}
	_ = conn.Close()
	if err := <-r.done; err != nil {
		t.Error(err)
	}
	r.done <- nil
	if _, err := net.Dial("tcp", r.address); err == nil {
		t.Error("it still listens")
	}
}

// TestCutReasons ends loops that have connections still.
func TestCutReasons(t *testing.T) {
	for want, end := range map[reactor.Reason]func(r *running){
		reactor.ReasonAbort:        func(r *running) { r.Abort() },
		reactor.ReasonDrainTimeout: func(r *running) { r.Shutdown() },
	} {
		r := start(t, reactor.Config{DrainTimeout: time.Nanosecond})
		conn := r.dial(t)
		say(t, conn, "S") // stays when asked to drain
		hear(t, conn, "S")
		end(r)
		if got := r.reason(conn); got != want {
			t.Errorf("closed for %q, not %q", got, want)
		}
	}
}

// TestNoBusyWait counts the rounds of a loop with idle connections while a
// deadline of 50 ms passes.
func TestNoBusyWait(t *testing.T) {
	each(t, func(t *testing.T, kind selector.Kind) {
		r := start(t, reactor.Config{Selector: kind})
		for range 10 {
			conn := r.dial(t)
			say(t, conn, "x")
			hear(t, conn, "x")
		}
		conn := r.dial(t)
		before := r.Stats().Rounds
		say(t, conn, "D")
		r.reason(conn)
		if rounds := r.Stats().Rounds - before; rounds > 10 {
			t.Errorf("%d rounds to wait once", rounds)
		}
	})
}

//go:build linux

package load

import (
	"bytes"
	"cmp"
	"errors"
	"fmt"
	"net/netip"
	"runtime"
	"slices"
	"strings"
	"time"

	"ftpd/bench/iomodels/proc"

	"golang.org/x/sys/unix"
)

const (
	// connectPatience is how long a connection may take to stand.
	connectPatience = 2 * time.Second
	// answerPatience is how long no connection at all may get an answer before
	// those without one are given up.
	answerPatience = time.Second
	// burst is how many connections may wait for their first answer at once: less
	// than any server's queue.
	burst = 64
	// countedThreads is up to how many threads of the server are looked at one by
	// one for how often they slept.
	countedThreads = 512
)

// A generator holds the connections to one server. It stays on one thread.
type generator struct {
	server        netip.AddrPort
	poll          int // epoll(7)
	clients       map[int]*client
	line, heavy   []byte
	lineUp, slowU []byte
	events        []unix.EpollEvent
	buf           []byte
}

func newGenerator(server netip.AddrPort) (*generator, error) {
	runtime.LockOSThread()
	poll, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll: %w", err)
	}
	g := &generator{
		server: server, poll: poll, clients: make(map[int]*client),
		line:   line("request "),
		heavy:  line("!request "),
		events: make([]unix.EpollEvent, 256),
		buf:    make([]byte, 2*LineSize),
	}
	g.lineUp, g.slowU = bytes.ToUpper(g.line), bytes.ToUpper(g.heavy)
	return g, nil
}

// line makes a request: every model turns its letters into capitals, and leaves
// its digits alone.
func line(begin string) []byte {
	text := begin + strings.Repeat("abcdefghijklmnopqrstuvwxyz 0123456789 ", 2)
	return []byte(text[:LineSize-1] + "\n")
}

func (g *generator) close() error {
	var errs []error
	for _, c := range g.clients {
		errs = append(errs, unix.Close(c.fd))
	}
	return errors.Join(append(errs, unix.Close(g.poll))...)
}

func (g *generator) do(c Command) (Report, error) {
	if c.Active == 0 {
		return g.openIdle(c.Idle)
	}
	return g.measure(c)
}

// openIdle opens connections in bursts and has an exchange on each, so that the
// server has met every one of them. It stops at the first that gets no answer.
func (g *generator) openIdle(count int) (Report, error) {
	var r Report
	for r.Opened < count && r.Trouble == "" {
		opened, err := g.open(min(burst, count-r.Opened), false)
		if err != nil {
			r.Trouble = err.Error()
		}
		answered, err := g.firstAnswers(opened)
		if err != nil {
			r.Trouble = err.Error()
		}
		r.Opened += answered
	}
	return r, nil
}

// open opens connections and sends their first request.
func (g *generator) open(count int, heavy bool) ([]*client, error) {
	var opened []*client
	for range count {
		fd, err := dial(g.server)
		if err != nil {
			return opened, err
		}
		c := &client{fd: fd, request: g.line, answer: g.lineUp, heavy: heavy}
		if heavy {
			c.request, c.answer = g.heavy, g.slowU
		}
		g.clients[fd] = c
		opened = append(opened, c)
		event := unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)}
		if err := unix.EpollCtl(g.poll, unix.EPOLL_CTL_ADD, fd, &event); err != nil {
			return opened, fmt.Errorf("epoll: %w", err)
		}
		if err := c.ask(time.Now()); err != nil {
			return opened, err
		}
	}
	return opened, nil
}

// firstAnswers waits until each has its answer, and closes those that get none.
// The error is the first that befell one of them.
func (g *generator) firstAnswers(opened []*client) (answered int, err error) {
	last := time.Now()
	for g.waiting(opened) > 0 && time.Since(last) < answerPatience {
		waitErr := g.wait(last.Add(answerPatience), func(*client) error {
			answered++
			last = time.Now()
			return nil
		})
		err = cmp.Or(err, waitErr)
	}
	if answered < len(opened) {
		err = cmp.Or(err, errNoAnswer)
	}
	for _, c := range opened {
		if c.received < len(c.answer) {
			if err := g.drop(c); err != nil {
				return answered, fmt.Errorf("close: %w", err)
			}
		}
	}
	return answered, err
}

var errNoAnswer = errors.New("no answer")

// waiting counts those that are open and have no answer yet.
func (g *generator) waiting(clients []*client) int {
	count := 0
	for _, c := range clients {
		if g.clients[c.fd] == c && c.received < len(c.answer) {
			count++
		}
	}
	return count
}

// wait handles what is there, or else what comes first, until deadline at most.
func (g *generator) wait(deadline time.Time, answered func(*client) error) error {
	left := max(0, int((time.Until(deadline)+time.Millisecond-1)/time.Millisecond))
	n, err := unix.EpollWait(g.poll, g.events, left)
	if err != nil && !errors.Is(err, unix.EINTR) {
		return fmt.Errorf("epoll: %w", err)
	}
	var errs []error
	for _, event := range g.events[:max(n, 0)] {
		c := g.clients[int(event.Fd)]
		whole, err := c.hear(g.buf)
		if err == nil && whole {
			err = answered(c)
		}
		if err != nil {
			errs = append(errs, err, g.drop(c))
		}
	}
	if len(errs) > 0 {
		return errs[0]
	}
	return nil
}

func (g *generator) drop(c *client) error {
	if g.clients[c.fd] != c {
		return nil
	}
	delete(g.clients, c.fd)
	return unix.Close(c.fd)
}

// measure opens the active connections, keeps them busy, and closes them.
func (g *generator) measure(c Command) (Report, error) {
	var r Report
	active, err := g.open(c.Active, false)
	if err == nil {
		r.Opened, err = g.firstAnswers(active)
	}
	if err == nil {
		var heavy []*client
		heavy, err = g.open(c.Heavy, true)
		if err == nil {
			err = g.run(c, active, &r)
		}
		active = append(active, heavy...)
	}
	if err != nil {
		r.Trouble = err.Error()
	}
	for _, c := range active {
		if err := g.drop(c); err != nil {
			return r, fmt.Errorf("close: %w", err)
		}
	}
	return r, nil
}

// usage is what the server has used since its start.
type usage struct {
	cpu           time.Duration
	calls, sleeps int64
}

func readUsage(pid int) (u usage, err error) {
	if u.cpu, err = proc.CPU(pid); err != nil {
		return u, err
	}
	if u.calls, err = proc.Calls(pid); err != nil {
		return u, err
	}
	status, err := proc.ReadStatus(pid)
	if err != nil || status.Threads > countedThreads {
		u.sleeps = -1
		return u, err
	}
	u.sleeps, err = proc.Sleeps(pid)
	return u, err
}

// run asks on every active connection, warms up, and then takes times.
func (g *generator) run(c Command, active []*client, r *Report) error {
	for _, a := range active {
		if err := a.ask(time.Now()); err != nil {
			return err
		}
	}
	again := func(c *client) error { return c.ask(time.Now()) }
	for end := time.Now().Add(c.Warm); time.Now().Before(end); {
		if err := g.wait(end, again); err != nil {
			return err
		}
	}
	before, err := readUsage(c.PID)
	if err != nil {
		return err
	}
	begun := time.Now()
	took := make([]time.Duration, 0, 1<<16)
	for end := begun.Add(c.Measure); time.Now().Before(end); {
		err := g.wait(end, func(c *client) error {
			now := time.Now()
			if !c.heavy {
				took = append(took, now.Sub(c.sent))
			}
			return c.ask(now)
		})
		if err != nil {
			return err
		}
	}
	r.Elapsed = time.Since(begun)
	after, err := readUsage(c.PID)
	if err != nil {
		return err
	}
	r.fill(took, before, after)
	return nil
}

func (r *Report) fill(took []time.Duration, before, after usage) {
	r.Requests = len(took)
	r.CPU, r.Calls, r.Sleeps = after.cpu-before.cpu, after.calls-before.calls, after.sleeps-before.sleeps
	if before.sleeps < 0 || after.sleeps < 0 {
		r.Sleeps = -1
	}
	slices.Sort(took)
	r.P50, r.P99 = Quantile(took, 0.50), Quantile(took, 0.99)
}

// Quantile returns the value that a share q of the sorted values is not above;
// it is 0 of none.
func Quantile(sorted []time.Duration, q float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[min(int(q*float64(len(sorted))), len(sorted)-1)]
}

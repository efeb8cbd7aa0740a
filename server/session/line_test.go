package session_test

import (
	"errors"
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"ftpd/protocol"
	"ftpd/server/reactor"
	"ftpd/server/session"
)

const (
	decided = reactor.LoginWorkers // at once
	places  = 64                   // in the line behind them
)

// crowd is the connections of one server, each with an AUTH that nobody has decided.
type crowd struct {
	t        *testing.T
	factory  *session.Factory
	first    *harness
	released int
	gate     *gate
}

func gather(t *testing.T) *crowd {
	c := &crowd{t: t}
	c.gate = users(&c.released)
	c.gate.failures = map[netip.Addr]int{}
	c.first = guarded(t, c.gate)
	c.factory = session.NewFactory(session.Config{Storage: c.first.store, Gate: c.gate, PlainPasswords: true, Logger: slog.New(slog.DiscardHandler)})
	return c
}

// come opens a connection that logs in.
func (c *crowd) come(address string) *harness {
	c.t.Helper()
	h := opened(c.t, c.factory, c.first.root, c.first.store, reactor.Peer{Address: netip.AddrPortFrom(netip.MustParseAddr(address), 5)})
	h.greet()
	h.feed(authenticate())
	return h
}

// fill has so many come from one address.
func (c *crowd) fill(n int, address string) []*harness {
	c.t.Helper()
	var list []*harness
	for range n {
		list = append(list, c.come(address))
	}
	return list
}

// turnedAway reports whether a login is told that there is no room for it, and not at once.
func turnedAway(h *harness) bool {
	h.t.Helper()
	h.session.Expire(h.now)
	if list := h.frames(); len(list) > 0 {
		h.t.Errorf("%v comes at once", names(list))
	}
	h.session.Expire(h.now.Add(time.Second))
	list := h.frames()
	if len(list) == 0 {
		return false
	}
	m := decode[protocol.Error](h.t, list[0])
	return m.Code == protocol.Busy && m.Retry
}

// TestLoginQueue bounds the logins of all sessions together, of which one address may take
// all until somebody else comes.
func TestLoginQueue(t *testing.T) {
	c := gather(t)
	crowd := c.fill(decided+places, "192.0.2.1")
	if !turnedAway(c.come("192.0.2.1")) {
		t.Error("one more finds room")
	}
	good := c.come("198.51.100.1")
	if turnedAway(good) || !turnedAway(crowd[len(crowd)-1]) || turnedAway(crowd[len(crowd)-2]) {
		t.Error("another address does not take the last one's place")
	}
	crowd[0].step(0)
	crowd[1].step(0)
	if len(good.jobs) != 1 {
		t.Error("another address is not among the next two")
	}
	if code := codeOf(t, crowd[0].frames()); code != 0 {
		t.Errorf("the first: %s", code)
	}
	good.step(0)
	if code := codeOf(t, good.frames()); code != 0 {
		t.Errorf("the other: %s", code)
	}
}

// TestLineOfNetworks: the addresses of a network are one.
func TestLineOfNetworks(t *testing.T) {
	c := gather(t)
	c.fill(decided, "2001:db8::1")
	for i := range places {
		c.come(netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 15: byte(i)}).String())
	}
	if !turnedAway(c.come("2001:db8::ffff")) || turnedAway(c.come("2001:db8:0:1::1")) {
		t.Error("a network is more than one address, or two are one")
	}
}

// TestLineOfGuessers has a flood from more addresses than there are places: once each has
// failed, it stands behind who has not.
func TestLineOfGuessers(t *testing.T) {
	c := gather(t)
	first := c.fill(decided, "192.0.2.1")
	var flood []*harness
	for i := range places {
		address := netip.AddrFrom4([4]byte{10, 0, 0, byte(i)})
		c.gate.failures[address] = 1
		flood = append(flood, c.come(address.String()))
	}
	late := netip.MustParseAddr("10.0.0.200")
	c.gate.failures[late] = 1
	if !turnedAway(c.come(late.String())) {
		t.Error("one more guesser finds room")
	}
	good := c.come("198.51.100.1")
	if turnedAway(good) || !turnedAway(flood[places-1]) {
		t.Error("who has not failed does not take the place of one who has")
	}
	if first[0].step(0); len(good.jobs) != 1 || len(flood[0].jobs) != 0 {
		t.Error("who has not failed is not the next")
	}
}

// TestGoneFromTheLine: nothing is hashed for a connection that has gone before its turn.
func TestGoneFromTheLine(t *testing.T) {
	c := gather(t)
	crowd := c.fill(decided+places, "192.0.2.1")
	crowd[0].close() // one that is being decided has its job run still
	if c.released != 1 {
		t.Errorf("%d accounts released", c.released)
	}
	asked := 0
	inner := c.gate.login
	c.gate.login = func(a session.Attempt) (*session.Account, error) { asked++; return inner(a) }
	for _, h := range crowd[decided+1:] { // one has its turn already
		h.close()
	}
	if asked != 0 {
		t.Errorf("%d of those who have gone were decided", asked)
	}
	last := c.come("192.0.2.1")
	crowd[1].step(0)
	if len(last.jobs) != 1 {
		t.Error("a place in the line is not free again")
	}
}

// TestHomeOffTheLine: who waits for a home to be opened keeps nobody from being decided, and
// is not late for the login timeout.
func TestHomeOffTheLine(t *testing.T) {
	c := gather(t)
	inner, opened := c.gate.login, 0
	c.gate.login = func(a session.Attempt) (*session.Account, error) {
		account, err := inner(a)
		if err == nil {
			storage := c.first.store
			account.Storage = nil
			account.Open = func() error { opened++; account.Storage = storage; return nil }
		}
		return account, err
	}
	slow := c.fill(decided, "192.0.2.1")
	next := c.come("192.0.2.1")
	for _, h := range slow {
		h.step(0)
		if len(h.frames()) > 0 || len(h.jobs) != 1 || h.lane != reactor.Home {
			t.Fatal("answered before the home is open, or it is not being opened")
		}
		h.now = h.now.Add(time.Hour)
		if h.session.Expire(h.now); h.finished != "" {
			t.Errorf("closed for %q while the home is opened", h.finished)
		}
	}
	if next.lane != reactor.Login || len(next.jobs) != 1 {
		t.Error("the next one is not decided meanwhile")
	}
	slow[0].step(0)
	if code := codeOf(t, slow[0].frames()); code != 0 || opened != 1 {
		t.Errorf("with the home open: %s", code)
	}
	final[protocol.Meta](slow[0], protocol.Stat{})
}

// TestHomeThatDoesNotOpen: the account is given up, and who gets nothing better in is late for
// the login timeout like everybody else.
func TestHomeThatDoesNotOpen(t *testing.T) {
	c := gather(t)
	inner := c.gate.login
	c.gate.login = func(a session.Attempt) (*session.Account, error) {
		account, err := inner(a)
		account.Open = func() error { return errors.New("no disk") }
		return account, err
	}
	h := c.come("192.0.2.1")
	h.run()
	if code := codeOf(t, h.frames()); code != protocol.IO || c.released != 1 {
		t.Errorf("%s, %d accounts released", code, c.released)
	}
	if h.deadline.IsZero() {
		t.Error("the connection may stay for ever without a login")
	}
	h.now = h.now.Add(time.Hour)
	if h.session.Expire(h.now); h.finished != "login timeout" {
		t.Errorf("finished for %q", h.finished)
	}
}

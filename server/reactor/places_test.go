//go:build unix

package reactor

import (
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// newcomer adds a connection from an address and returns its session; nil is that it was
// closed without a word.
func (w *clockwork) newcomer(address string) *mover {
	w.t.Helper()
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		w.t.Fatal(err)
	}
	w.peers = append(w.peers, &movedPeer{fd: fds[1], deaf: true})
	before := len(w.conns)
	w.add(fds[0], netip.AddrPortFrom(netip.MustParseAddr(address), 1))
	if len(w.conns) == before {
		return nil
	}
	return w.conns[before].session.(*mover)
}

// bye closes a connection.
func (w *clockwork) bye(m *mover) {
	w.t.Helper()
	m.link.Abort(ReasonAbort)
	w.run(time.Millisecond)
}

// TestPlaces fills a server, and addresses, and makes room again.
func TestPlaces(t *testing.T) {
	w := newClockwork(t, Config{MaxClients: 4, MaxPerAddress: 2})
	expect := func(address string, want Full) *mover {
		t.Helper()
		m := w.newcomer(address)
		if m.peer.Full != want || m.peer.Spare {
			t.Fatalf("%s: %+v, want %d", address, m.peer, want)
		}
		return m
	}
	first := expect("192.0.2.1", NotFull)
	expect("192.0.2.1", NotFull)
	refused := expect("::ffff:192.0.2.1", AddressFull) // the same address
	expect("2001:db8::1", NotFull)
	w.bye(first)
	expect("192.0.2.1", NotFull) // the one that was refused does not count
	expect("2001:db8::2", NotFull)
	expect("2001:db8::3", ServerFull)
	w.bye(refused)
	expect("192.0.2.9", ServerFull)
}

// TestPlacesOfNetworks counts IPv6 connections by network.
func TestPlacesOfNetworks(t *testing.T) {
	w := newClockwork(t, Config{MaxPerAddress: 1})
	for _, c := range []struct {
		address string
		want    Full
	}{
		{"2001:db8:0:1::1", NotFull},
		{"2001:db8:0:1:ffff::1", AddressFull},
		{"2001:db8:0:2::1", NotFull},
		{"192.0.2.1", NotFull},
		{"192.0.2.2", NotFull},
		{"fe80::1%1", NotFull},
		{"fe80::2%1", AddressFull},
	} {
		if m := w.newcomer(c.address); m.peer.Full != c.want {
			t.Errorf("%s: %d, want %d", c.address, m.peer.Full, c.want)
		}
	}
}

// TestRefusedAreFew has more newcomers than are told that there is no place: the others
// are closed without a word, and nothing is kept of any.
func TestRefusedAreFew(t *testing.T) {
	w := newClockwork(t, Config{MaxClients: 1, MaxPerAddress: 1})
	if w.newcomer("192.0.2.1") == nil {
		t.Fatal("there is room for one")
	}
	told := 0
	for i := range 2 * maxRefused {
		if m := w.newcomer(netip.AddrFrom4([4]byte{198, 51, byte(i >> 8), byte(i)}).String()); m != nil {
			told++
		}
	}
	if told != maxRefused || w.Stats().Refused != 2*maxRefused || w.Stats().Connections != maxRefused+1 {
		t.Errorf("%d were told, and %+v", told, w.Stats())
	}
	if len(w.sites.known) > maxRefused+3 {
		t.Errorf("%d addresses are known of %d connections", len(w.sites.known), len(w.conns))
	}
}

// TestSparePlaces has a full server keep places for administrators, one for each
// address, from which they come inside.
func TestSparePlaces(t *testing.T) {
	w := newClockwork(t, Config{MaxClients: 1, Spare: 2})
	inside := w.newcomer("192.0.2.1")
	a := w.newcomer("192.0.2.1")
	if again := w.newcomer("192.0.2.1"); !a.peer.Spare || again.peer.Spare || a.peer.Full != ServerFull {
		t.Fatalf("two of one address: %+v and %+v", a.peer, again.peer)
	}
	b, c := w.newcomer("192.0.2.2"), w.newcomer("192.0.2.3")
	if !b.peer.Spare || c.peer.Spare {
		t.Fatalf("for two places: %+v and %+v", b.peer, c.peer)
	}
	a.link.Admit()
	if d := w.newcomer("192.0.2.4"); !d.peer.Spare {
		t.Error("the place of one that was admitted is not there for the next")
	}
	w.bye(inside)
	if e := w.newcomer("192.0.2.5"); e.peer.Full != ServerFull {
		t.Error("one that was admitted does not count")
	}
	w.bye(a)
	if e := w.newcomer("192.0.2.5"); e.peer.Full != NotFull {
		t.Error("its place is not free")
	}
	w.bye(b)
	if e := w.newcomer("192.0.2.2"); !e.peer.Spare {
		t.Error("a spare place is not free after its connection is gone")
	}
}

// TestAddressRate has an address keep what it has used up over its connections, and
// forgotten when it is paid for.
func TestAddressRate(t *testing.T) {
	w := newClockwork(t, Config{AddressRateDown: MinRate})
	p := w.connect(true)
	w.run(10 * time.Second)
	bucket := p.conn.limits.site.bucket
	w.bye(p.session)
	q := w.connect(true)
	if q.conn.limits.site.bucket != bucket {
		t.Error("a new connection has a new bucket")
	}
	other := w.newcomer("192.0.2.2").link.(*Conn)
	if other.limits.site.bucket == bucket {
		t.Error("two addresses share a bucket")
	}
	w.bye(q.session)
	w.run(time.Minute)
	for range 3 {
		w.newcomer("192.0.2.3")
	}
	if len(w.sites.known) != 2 {
		t.Errorf("%d addresses are known, two have connections", len(w.sites.known))
	}
}

// TestServerRate has all connections share the server's bucket.
func TestServerRate(t *testing.T) {
	w := newClockwork(t, Config{RateUp: 10_000, RateDown: 20_000})
	up, down := w.connect(false), w.connect(true)
	w.run(30 * time.Second)
	if got := up.conn.in; got < 290_000 || got > 310_000 {
		t.Errorf("%d bytes came in 30 s at 10,000 B/s", got)
	}
	if got := down.conn.out; got < 590_000 || got > 610_000 {
		t.Errorf("%d bytes went in 30 s at 20,000 B/s", got)
	}
}

// TestRefusedInTurns has many connect to a full server at once: a round refuses a few.
func TestRefusedInTurns(t *testing.T) {
	w := newClockwork(t, Config{MaxClients: 1})
	w.newcomer("192.0.2.1")
	sa, err := unix.Getsockname(w.listener.fd)
	if err != nil {
		t.Fatal(err)
	}
	const count = 3 * refuseBudget
	for range count {
		fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
		if err == nil {
			err = unix.Connect(fd, sa)
		}
		if err != nil {
			t.Fatal(err)
		}
		w.peers = append(w.peers, &movedPeer{fd: fd, deaf: true})
	}
	for rounds := int64(1); w.Stats().Refused < count; rounds++ {
		events, err := w.selector.Select(w.events, time.Second)
		if err != nil {
			t.Fatal(err)
		}
		w.events = events
		w.step(w.now.Add(time.Millisecond))
		if refused := w.Stats().Refused; refused > rounds*refuseBudget {
			t.Fatalf("%d refused in %d rounds", refused, rounds)
		}
	}
}

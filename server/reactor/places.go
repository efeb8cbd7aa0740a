package reactor

import (
	"net/netip"
	"slices"

	"golang.org/x/sys/unix"
)

// Peer is who has connected, and whether there is a place for it.
type Peer struct {
	Address netip.AddrPort
	Full    Full // why there is no place; the zero value is that there is one
	Spare   bool // it has one of the few that are kept for administrators: see Link.Admit
}

// Full says what has as many connections as it may have.
type Full uint8

// What may be full.
const (
	NotFull     Full = iota
	ServerFull       // Config.MaxClients, or the descriptors that there are
	AddressFull      // Config.MaxPerAddress
)

// maxRefused bounds the connections that are being told that there is no place for them.
// Who comes then is closed without a word, so that a flood costs next to nothing.
const maxRefused = 1024

// place is how a connection counts.
type place uint8

const (
	inside  place = iota // it is served
	spare                // it may log in, if it is an administrator's
	refused              // it is told that there is no place
)

// places counts the connections.
type places struct {
	counts [refused + 1]int
	spare  []spared
	silent bool // somebody was closed without a word, and the log was told
}

// spared is a connection in a spare place. A site gets one: so who takes all that there
// are needs as many sites.
type spared struct {
	conn *Conn
	from netip.Prefix
}

// add takes a connection that was accepted: inside, in a spare place, or to be refused.
func (l *Loop) add(fd int, address netip.AddrPort) {
	from := SiteOf(address.Addr())
	s := l.sites.find(from)
	peer, where := Peer{Address: address, Full: l.full(fd, s)}, inside
	switch {
	case peer.Full == NotFull:
		l.places.silent = false
	case l.hasSpare(fd, from):
		peer.Spare, where = true, spare
	case l.places.counts[refused] < maxRefused:
		l.stats.refused.Add(1)
		where = refused
	default:
		l.turnAway(fd)
		return
	}
	c := l.newConn(fd, s, where)
	if where == spare {
		l.places.spare = append(l.places.spare, spared{c, from})
	}
	l.open(c, peer)
}

// full says why there is no place for one more; s is nil where no site is limited.
func (l *Loop) full(fd int, s *site) Full {
	switch {
	case l.places.counts[inside] >= l.config.MaxClients, l.ceiling.above(fd):
		return ServerFull
	case l.config.MaxPerAddress > 0 && s.inside >= l.config.MaxPerAddress:
		return AddressFull
	}
	return NotFull
}

// hasSpare reports whether one that there is no place for may have a spare one.
func (l *Loop) hasSpare(fd int, from netip.Prefix) bool {
	return len(l.places.spare) < l.config.Spare && l.ceiling.watchable(fd) &&
		!slices.ContainsFunc(l.places.spare, func(s spared) bool { return s.from == from })
}

// turnAway closes a connection without a word. The log tells when that begins, again
// once somebody has found a place in between.
func (l *Loop) turnAway(fd int) {
	_ = unix.Close(fd) // the peer learns nothing from its result
	l.stats.refused.Add(1)
	if !l.places.silent {
		l.places.silent = true
		l.config.Logger.Warn("more connections than there are places for, or words: some are closed at once")
	}
}

// Admit is part of Link.
func (c *Conn) Admit() {
	if c.place == spare && c.phase == open {
		c.leavePlace()
		c.takePlace(inside)
	}
}

// takePlace counts a connection.
func (c *Conn) takePlace(where place) {
	c.place = where
	c.loop.places.counts[where]++
	if where == inside && c.limits != nil && c.limits.site != nil {
		c.limits.site.inside++
	}
}

// leavePlace ends what takePlace began.
func (c *Conn) leavePlace() {
	p := &c.loop.places
	p.counts[c.place]--
	switch {
	case c.place == spare:
		p.spare = slices.DeleteFunc(p.spare, func(s spared) bool { return s.conn == c })
	case c.place == inside && c.limits != nil && c.limits.site != nil:
		c.limits.site.inside--
	}
}

package access

import (
	"container/list"
	"net/netip"
	"time"

	"ftpd/server/reactor"
)

const (
	// maxAddresses bounds the addresses whose failures are known; the one that has
	// failed longest ago goes first.
	maxAddresses = 16 << 10
	// firstDelay is how long the answer to a first failure waits; each further one
	// waits twice as long, up to maxDelay.
	firstDelay = 250 * time.Millisecond
	maxDelay   = 8 * time.Second
)

// failures knows the addresses that logins have failed from.
type failures struct {
	limit int           // how many an address may have; 0 is any number
	ban   time.Duration // how long it is refused then, and how long failures are remembered
	known map[netip.Addr]*list.Element
	order list.List // of *culprit, who failed last in front
}

type culprit struct {
	address netip.Addr
	count   int
	last    time.Time
}

func newFailures(limit int, ban time.Duration) *failures {
	return &failures{limit: limit, ban: ban, known: map[netip.Addr]*list.Element{}}
}

// site is what counts as one address.
func site(a netip.Addr) netip.Addr { return reactor.SiteOf(a).Addr() }

// find returns what is known of an address; what is too old is forgotten.
func (f *failures) find(a netip.Addr, now time.Time) *culprit {
	e := f.known[site(a)]
	if e == nil {
		return nil
	}
	c := e.Value.(*culprit)
	if now.Sub(c.last) >= f.ban {
		f.forget(e)
		return nil
	}
	return c
}

func (f *failures) forget(e *list.Element) {
	f.order.Remove(e)
	delete(f.known, e.Value.(*culprit).address)
}

// of returns how often an address has failed, and for how long it is refused still; 0 is
// that it is not.
func (f *failures) of(a netip.Addr, now time.Time) (count int, refused time.Duration) {
	c := f.find(a, now)
	switch {
	case c == nil:
		return 0, 0
	case f.limit <= 0 || c.count < f.limit:
		return c.count, 0
	}
	return c.count, f.ban - now.Sub(c.last)
}

// add counts a failure. It returns how many there were and how long the answer waits.
func (f *failures) add(a netip.Addr, now time.Time) (count int, delay time.Duration) {
	c := f.find(a, now)
	if c == nil {
		if f.order.Len() >= maxAddresses {
			f.forget(f.order.Back())
		}
		c = &culprit{address: site(a)}
		f.known[c.address] = f.order.PushFront(c)
	}
	c.count++
	c.last = now
	f.order.MoveToFront(f.known[c.address])
	return c.count, min(maxDelay, firstDelay<<min(c.count-1, 16))
}

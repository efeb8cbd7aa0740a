package reactor

import "net/netip"

// siteBits is what of an IPv6 address names a network, whose owner has all of its
// addresses (RFC 6177).
const siteBits = 64

// site is where connections come from: an IPv4 address, or the network of an IPv6 one.
type site struct {
	prefix netip.Prefix
	conns  int     // that come from it
	inside int     // those of them that have a place inside
	bucket *Bucket // nil is no limit
	rests  bool    // it is in sites.resting
}

// sites is what is known of them, while they have connections or owe a bucket something:
// or else a new connection would do away with what the last one has used up.
type sites struct {
	loop    *Loop
	known   map[netip.Prefix]*site // nil where none is limited
	resting fifo[*site]            // they had no connection when they got here
}

// SiteOf returns what counts as one address: an IPv4 address, or the /64 network of an
// IPv6 one.
func SiteOf(address netip.Addr) netip.Prefix {
	address = address.Unmap().WithZone("")
	bits := address.BitLen()
	if address.Is6() {
		bits = siteBits
	}
	prefix, _ := address.Prefix(bits) // what is no address has none
	return prefix
}

// find returns a site, nil where none is limited. It forgets some that are not needed.
func (s *sites) find(prefix netip.Prefix) *site {
	if s.known == nil {
		return nil
	}
	s.forget()
	found := s.known[prefix]
	if found == nil {
		found = &site{prefix: prefix}
		if c := s.loop.config; c.AddressRateUp > 0 || c.AddressRateDown > 0 {
			found.bucket = NewBucket(c.AddressRateUp, c.AddressRateDown)
			found.bucket.bind(s.loop)
		}
		s.known[prefix] = found
	}
	if found.conns == 0 {
		s.rest(found) // should it get none
	}
	return found
}

// rest keeps a site that has no connection until it is forgotten.
func (s *sites) rest(gone *site) {
	if !gone.rests {
		gone.rests = true
		s.resting.push(gone)
	}
}

// forget drops two sites at most: each call of find adds one.
func (s *sites) forget() {
	for range 2 {
		if s.resting.len() == 0 {
			return
		}
		first := *s.resting.first()
		if first.conns == 0 && !first.bucket.settled() {
			return
		}
		s.resting.pop()
		first.rests = false
		if first.conns == 0 {
			delete(s.known, first.prefix)
		}
	}
}

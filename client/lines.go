package client

import "sync"

// crowd is how many requests are on each connection before more are dialled: a
// command that has few needs no other.
const crowd = 16

// pick returns the line that the fewest use, with its connection: nil where that
// has to be made. Of the lines behind the first only those count that have one.
func (c *Client) pick() (best *line, usable *conn) {
	best = c.lines[0]
	usable = best.usable()
	for _, l := range c.lines[1:] {
		conn := l.usable()
		if conn != nil && (usable == nil || l.users.Load() < best.users.Load()) {
			best, usable = l, conn
		}
	}
	if best.users.Load() >= crowd {
		c.widen()
	}
	return best, usable
}

// widen dials, on the side, the lines behind the first that have no connection. One
// that cannot be had, or not again as often as retries allow, is done without.
func (c *Client) widen() {
	for _, l := range c.lines[1:] {
		if !l.barred.Load() && l.usable() == nil {
			go l.extra()
		}
	}
}

// all returns the connections, once those that can be had have been made.
func (c *Client) all() []*conn {
	var dialling sync.WaitGroup
	for _, l := range c.lines[1:] {
		dialling.Go(l.extra)
	}
	dialling.Wait()
	var list []*conn
	for _, l := range c.lines {
		if conn := l.usable(); conn != nil {
			list = append(list, conn)
		}
	}
	return list
}

package reactor

import (
	"errors"
	"math"

	"golang.org/x/sys/unix"
)

// maxReserve bounds the descriptors that connections leave to files.
const maxReserve = 128

var errCrowded = errors.New("the descriptors that are left are for those connected already")

// ceiling keeps connections from taking every descriptor, with which they could
// not be served any more. A new descriptor has the lowest number that is free
// (open(2), POSIX), so that whatever else is open connections below a number
// leave those from it on to files.
type ceiling struct {
	limit  int // from this on the selector takes none; 0 is none
	fd     int // from this on a connection is told that the server is full; 0 is none
	beyond int // connections from there on, while they are told
	most   int // of them at once
}

// newCeiling makes the ceiling of a selector that takes so many descriptors; 0
// is any number. Package os has raised the process's limit as far as it goes.
func newCeiling(selectorLimit int) ceiling {
	c := ceiling{limit: selectorLimit, fd: selectorLimit, most: maxReserve}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil || uint64(limit.Cur) > math.MaxInt32 {
		return c
	}
	n := int(limit.Cur)
	reserve := min(n/4, maxReserve)
	if n -= reserve; c.fd == 0 || n < c.fd {
		c.fd, c.most = n, reserve/4
	}
	return c
}

// above reports whether a connection has no place below the ceiling.
func (c *ceiling) above(fd int) bool { return c.fd > 0 && fd >= c.fd }

// watchable reports whether the selector takes a descriptor.
func (c *ceiling) watchable(fd int) bool { return c.limit == 0 || fd < c.limit }

// crowded reports whether nobody else can be told now.
func (c *ceiling) crowded() bool { return c.beyond > 0 && c.beyond >= c.most }

func (c *ceiling) count(fd, n int) {
	if c.above(fd) {
		c.beyond += n
	}
}

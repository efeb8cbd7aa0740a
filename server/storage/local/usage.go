//go:build unix

package local

import (
	"context"
	"io"
	"strings"

	"ftpd/server/storage"

	"golang.org/x/sys/unix"
)

// Usage counts what is stored: all below the root but the server's own files, and what is
// left of uploads. What an [Account] has a reservation for is left out. What cannot be read
// is not counted, and skipped says how many directories that were. It holds some tens of
// descriptors at most, and stops with the context's error.
//
// It is exact where nothing is changed meanwhile.
func (s *Store) Usage(ctx context.Context) (used Amount, skipped int, err error) {
	c := counter{used: s.usageOfLeft()}
	defer c.trail.close()
	top, err := openChild(int(s.top.Fd()), ".")
	if err != nil {
		return Amount{}, 0, s.fail(storage.Root, err)
	}
	c.trail.push(top)
	for len(c.trail.levels) > 0 {
		if err = ctx.Err(); err == nil {
			err = c.step()
		}
		if err != nil {
			return Amount{}, 0, s.fail(storage.Root, err)
		}
	}
	return c.used, c.skipped, nil
}

// usageOfLeft counts what is left of uploads.
func (s *Store) usageOfLeft() (used Amount) {
	home, err := s.openResume(false)
	if err != nil {
		return used // nothing is left of any
	}
	defer home.close()
	for _, name := range instanceNames(home.file) {
		s.mu.Lock()
		_, charged := s.charged[name]
		s.mu.Unlock()
		if stat, err := lstat(home.fd(), name); err == nil && !charged {
			used = used.Plus(amountOf(&stat))
		}
	}
	return used
}

// counter walks a tree and counts it.
type counter struct {
	trail   trail
	used    Amount
	skipped int
}

// step counts an entry, reads more names, or leaves a directory.
func (c *counter) step() (err error) {
	at := c.trail.last()
	switch {
	case len(at.names) > 0:
		name := at.names[0]
		at.names = at.names[1:]
		if !strings.HasPrefix(name, storage.Reserved) {
			c.count(at, name)
		}
		return nil
	case at.ended:
		return c.trail.pop()
	}
	if at.names, err = at.file.Readdirnames(readAhead); err != nil {
		at.ended = true
		if err != io.EOF {
			c.skipped++
		}
	}
	return nil
}

// count counts an entry, and goes into it if it is a directory.
func (c *counter) count(at *level, name string) {
	stat, err := lstat(int(at.file.Fd()), name)
	if err != nil {
		return // it is gone
	}
	c.used = c.used.Plus(amountOf(&stat))
	if kindOf(&stat) != storage.Directory {
		return
	}
	child, err := openChild(int(at.file.Fd()), name)
	if err == unix.ENOENT {
		return
	}
	if err == nil && len(c.trail.levels) >= maxOpen {
		err = at.readRest()
	}
	if err != nil {
		c.skipped++
		child.close()
		return
	}
	c.trail.push(child)
}

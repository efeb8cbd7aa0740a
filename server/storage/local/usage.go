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
	defer func() { s.left.set(used) }()
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

// maxToEnter bounds the names of directories that a count holds, to go into them.
const maxToEnter = 1 << 16

// counter walks a tree and counts it. Of each directory it counts all entries before it
// goes into one, so that no name but those of directories is held.
type counter struct {
	trail   trail
	used    Amount
	skipped int
	toEnter int // names that are held by all levels
}

// step counts some entries, goes into a directory, or leaves one.
func (c *counter) step() error {
	at := c.trail.last()
	switch {
	case !at.ended:
		names, err := at.file.Readdirnames(readAhead)
		for _, name := range names {
			c.count(at, name)
		}
		if at.ended = err != nil; err != nil && err != io.EOF {
			c.skipped++
		}
		return nil
	case len(at.names) == 0:
		return c.trail.pop()
	}
	name := at.names[0]
	at.names = at.names[1:]
	c.toEnter--
	switch child, err := openChild(int(at.file.Fd()), name); err {
	case nil:
		c.trail.push(child)
	case unix.ENOENT:
	default:
		c.skipped++
	}
	return nil
}

// count counts an entry.
func (c *counter) count(at *level, name string) {
	if strings.HasPrefix(name, storage.Reserved) {
		return
	}
	stat, err := lstat(int(at.file.Fd()), name)
	if err != nil {
		return // it is gone
	}
	c.used = c.used.Plus(amountOf(&stat))
	switch {
	case kindOf(&stat) != storage.Directory:
	case c.toEnter >= maxToEnter:
		c.skipped++
	default:
		c.toEnter++
		at.names = append(at.names, name)
	}
}

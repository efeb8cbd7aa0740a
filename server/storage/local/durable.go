//go:build unix

package local

import "golang.org/x/sys/unix"

// durable makes the content of an open file, or the names in an open
// directory, survive a power failure. Every fsync goes through here, so that
// commits at the same time can come to share one.
func (s *Store) durable(fd int) error {
	if s.options.NoSync {
		return nil
	}
	return retry(func() error { return fsync(fd) })
}

// durableDirectory is durable for a directory. Some file systems (FUSE, CIFS)
// have no fsync for directories and say EINVAL; there is nothing more that
// could be done then.
func (s *Store) durableDirectory(d *directory) error {
	err := s.durable(d.fd())
	if err == unix.EINVAL || err == unix.ENOTSUP {
		return nil
	}
	return err
}

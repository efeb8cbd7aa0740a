package local

import "golang.org/x/sys/unix"

// renameExclusive renames where the new name is free, and is EEXIST where it
// is not: RENAME_EXCL, since macOS 10.12. File systems without it say ENOTSUP.
func (s *Store) renameExclusive(from, to place) error {
	err := retry(func() error {
		return unix.RenameatxNp(from.fd(), from.name, to.fd(), to.name, unix.RENAME_EXCL)
	})
	if err == unix.ENOTSUP || err == unix.EINVAL {
		return s.renameByLink(from, to)
	}
	return err
}

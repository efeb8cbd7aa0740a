package local

import "golang.org/x/sys/unix"

// renameExclusive renames where the new name is free, and is EEXIST where it
// is not: RENAME_NOREPLACE, since Linux 3.15. File systems without it (NFS and
// some of FUSE) say EINVAL.
func (s *Store) renameExclusive(from, to place) error {
	err := retry(func() error {
		return unix.Renameat2(from.fd(), from.name, to.fd(), to.name, unix.RENAME_NOREPLACE)
	})
	if err == unix.EINVAL || err == unix.ENOSYS {
		return s.renameByLink(from, to)
	}
	return err
}

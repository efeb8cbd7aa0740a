//go:build unix && !linux && !darwin

package local

// renameExclusive renames where the new name is free, and is EEXIST where it
// is not.
func (s *Store) renameExclusive(from, to place) error {
	return s.renameByLink(from, to)
}

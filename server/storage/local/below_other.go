//go:build unix && !linux

package local

import "ftpd/server/storage"

// openBelow opens a directory and follows links as far as they stay below the root.
func (s *Store) openBelow(path storage.Path) (directory, error) { return s.openByRoot(path) }

//go:build unix

package ownfile

import (
	"io/fs"
	"os"
	"slices"
	"syscall"
)

// CheckOwner returns an ErrForeign where a file belongs to somebody else than this user, root,
// or one of others. info is of the open file, for a name may lead elsewhere by the time it is opened.
func CheckOwner(info fs.FileInfo, others ...int) error {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return ErrForeign // nobody knows whose it is
	}
	if owner := int(stat.Uid); owner != 0 && owner != os.Geteuid() && !slices.Contains(others, owner) {
		return ErrForeign
	}
	return nil
}

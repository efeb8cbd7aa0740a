//go:build unix && !linux

package local

import (
	"os"
	"time"
)

// setMtime gives a file, which is no link, its modification time and leaves
// the access time. It goes by the path, through os.Root: x/sys has no
// utimensat that is the same on these systems.
func setMtime(root *os.Root, p place, mtime time.Time) error {
	return root.Chtimes(string(p.path()), time.Time{}, mtime)
}

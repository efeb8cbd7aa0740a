package local

import (
	"slices"

	"ftpd/server/storage"

	"golang.org/x/sys/unix"
)

var _ storage.Cached = (*Store)(nil)

// describedFromMemory are the file systems whose open files are described without a look at
// a disk, a network or another program (statfs(2), f_type).
var describedFromMemory = []int64{
	unix.EXT4_SUPER_MAGIC, unix.XFS_SUPER_MAGIC, unix.BTRFS_SUPER_MAGIC, unix.TMPFS_MAGIC, unix.F2FS_SUPER_MAGIC,
}

// resolveCached has openat2(2) fail where it would have to wait (linux/openat2.h, RESOLVE_CACHED).
const resolveCached = 0x20

// cached tells of which paths StatCached answers: those of one device, if any.
type cached struct {
	device uint64
	known  bool
}

func cachedOf(fd int) (c cached) {
	var system unix.Statfs_t
	var stat unix.Stat_t
	if unix.Fstatfs(fd, &system) != nil || unix.Fstat(fd, &stat) != nil {
		return c // nothing is told at once then
	}
	return cached{stat.Dev, slices.Contains(describedFromMemory, int64(system.Type))}
}

// StatCached implements [storage.Cached]. The kernel refuses a path of which it has not all
// names in memory, or that has a link or a mount point in it (openat2(2), RESOLVE_CACHED, since
// Linux 5.12): below that a network or another program may be asked for each description, and
// only [Store.Stat] knows the directories of the store by what they are.
func (s *Store) StatCached(path storage.Path) (storage.Info, bool) {
	if !s.cached.known || s.inSteps.Load() {
		return storage.Info{}, false
	}
	fd, err := unix.Openat2(int(s.top.Fd()), string(path), &unix.OpenHow{
		Flags:   unix.O_PATH | unix.O_NOFOLLOW | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_SYMLINKS | unix.RESOLVE_NO_XDEV | resolveCached,
	})
	if err != nil {
		return storage.Info{}, false
	}
	var stat unix.Stat_t
	err = unix.Fstat(fd, &stat)
	_ = unix.Close(fd) // nothing was read or written
	if err != nil || stat.Dev != s.cached.device || stat.Mode&unix.S_IFMT == unix.S_IFLNK || stat.Nlink == 0 {
		return storage.Info{}, false // Nlink: a root that was removed can be described still
	}
	return infoOf(&stat), true
}

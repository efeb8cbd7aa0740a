package local

import (
	"ftpd/server/storage"

	"golang.org/x/sys/unix"
)

// openBelow opens a directory in one call, by which the kernel itself confines every
// component and link to what is below the root; os.Root does the same in steps.
func (s *Store) openBelow(path storage.Path) (directory, error) {
	const attempts = 8 // for EAGAIN: a rename raced with a ".." of the path
	how := unix.OpenHow{
		Flags:   unix.O_RDONLY | unix.O_DIRECTORY | unix.O_CLOEXEC,
		Resolve: unix.RESOLVE_BENEATH | unix.RESOLVE_NO_MAGICLINKS,
	}
	for range attempts {
		if s.inSteps.Load() {
			break
		}
		fd, err := unix.Openat2(int(s.top.Fd()), string(path), &how)
		switch err {
		case nil:
			return directory{raw: fd, path: path}, nil
		case unix.EINTR, unix.EAGAIN:
		case unix.ENOSYS, unix.EPERM:
			s.inSteps.Store(true)
		case unix.EXDEV:
			return directory{}, s.escapes
		default:
			return directory{}, err
		}
	}
	return s.openByRoot(path)
}

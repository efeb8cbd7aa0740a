//go:build unix

package local

import (
	"errors"
	"io"
	"os"
	"strings"
	"time"

	"ftpd/server/storage"

	"golang.org/x/sys/unix"
)

// sweep removes what servers that were killed left in the staging directory,
// and that directory where nothing is left. What it cannot remove stays hidden,
// and is tried again by the next Open. It fails for a directory that others can
// write to.
func (s *Store) sweep() error {
	staging, err := openStaging(s.top)
	if err != nil {
		return nil // there is none, or Create will say why it is of no use
	}
	defer staging.Close()
	if err := closeToOthers(staging); errors.Is(err, errLost) {
		return err
	}
	for _, name := range instanceNames(staging) {
		if name != resumeDirectory {
			s.sweepInstance(staging, name)
		}
	}
	s.sweepResumable(time.Now().Add(-s.options.KeepResumable))
	removeStaging(s.top)
	return nil
}

// instanceNames returns each instance once, whether its directory, its lock or
// both are there.
func instanceNames(staging *os.File) []string {
	entries, _ := staging.Readdirnames(-1)
	seen := map[string]bool{}
	var names []string
	for _, entry := range entries {
		name := strings.TrimSuffix(entry, lockSuffix)
		if !seen[name] {
			seen[name] = true
			names = append(names, name)
		}
	}
	return names
}

// sweepInstance removes an instance if its lock can be taken. The lock is made
// where it is missing, and held meanwhile, so that two sweeps do not meet.
func (s *Store) sweepInstance(staging *os.File, name string) {
	const flags = unix.O_RDWR | unix.O_CREAT | unix.O_NOFOLLOW | unix.O_NONBLOCK | unix.O_CLOEXEC
	fd, err := unix.Openat(int(staging.Fd()), name+lockSuffix, flags, 0o600)
	if err != nil {
		s.options.Logger.Warn("cannot look into an earlier server's staging directory", "instance", name, "error", err)
		return
	}
	defer unix.Close(fd)
	if unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB) != nil {
		return // it is alive
	}
	removed := s.removeInstance(staging, name)
	s.options.Logger.Info("removed what an earlier server left of its uploads", "instance", name, "files", removed)
}

// removeInstance removes an instance's directory with its files, and then its
// lock file, which the caller holds locked.
func (s *Store) removeInstance(staging *os.File, name string) (files int) {
	fd := int(staging.Fd())
	if l, err := openChild(fd, name); err == nil {
		files = s.removeStaged(l.file, name)
		_ = l.file.Close()
	}
	if err := unix.Unlinkat(fd, name, unix.AT_REMOVEDIR); err != nil && err != unix.ENOENT {
		return files
	}
	_ = unix.Unlinkat(fd, name+lockSuffix, 0)
	return files
}

func (s *Store) removeStaged(instance *os.File, instanceName string) (files int) {
	names, err := instance.Readdirnames(-1)
	if err != nil && err != io.EOF {
		return 0
	}
	for _, name := range names {
		if strings.HasPrefix(name, besidePrefix) {
			s.removeBeside(storage.Path(stagingDirectory + "/" + instanceName + "/" + name))
		} else {
			files++
		}
		_ = unix.Unlinkat(int(instance.Fd()), name, 0)
	}
	return files
}

// removeBeside removes the staging file that a record names. The record is
// not trusted: the file is looked up below the root, and its name has to be
// one of those that no client can give to a file.
func (s *Store) removeBeside(record storage.Path) {
	target, err := s.root.Readlink(string(record))
	if err != nil {
		return
	}
	path := storage.Path(target)
	name := base(path)
	if !strings.HasPrefix(name, storage.Reserved) || name == stagingDirectory {
		return
	}
	if d, err := s.openDirectory(path.Dir()); err == nil {
		_ = unix.Unlinkat(d.fd(), name, 0)
		d.close()
	}
}

//go:build unix

package local

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strconv"
	"sync/atomic"

	"ftpd/server/storage"

	"golang.org/x/sys/unix"
)

// The staging directory of a root:
//
//	.ftpd-staging/                 privateMode; gone when no store uses it and nothing is kept
//	    resume/                    what can be gone on with (resume.go)
//	    <instance>.lock            locked by the store for as long as it lives
//	    <instance>/                privateMode; made after the lock, removed before it
//	        0, 1, 2, ...           staging files
//	        beside-N               link to a staging file beside its target
//
// So a directory whose lock can be taken, or has none, is left by a server
// that was killed: the kernel gives up a process's locks however it ends.
const (
	stagingDirectory = storage.Reserved + "staging"
	lockSuffix       = ".lock"
	besidePrefix     = "beside-"
)

// instance is a store's own staging directory.
type instance struct {
	directory
	name  string
	lock  *os.File
	umask uint32 // of this process
	// unnamed says that files need no name until they get their own.
	unnamed bool
	last    atomic.Uint64

	// Both under the store's lock.
	users int  // staging files that are in it or have a record there
	lost  bool // it was removed, and another is the store's now
}

// nextName returns a name that no staging file of the instance had.
func (i *instance) nextName() string { return strconv.FormatUint(i.last.Add(1)-1, 10) }

// own returns the store's instance for one more user, who disowns it in the
// end. It makes the instance the first time, and again where gone, which is
// nil or what own returned before, was removed behind the server's back.
func (s *Store) own(gone *instance) (*instance, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return nil, fs.ErrClosed
	}
	if s.instance == gone {
		i, err := s.newInstance()
		if err != nil {
			return nil, stagingFault(err)
		}
		s.instance = i
		if gone != nil {
			s.options.Logger.Warn("the staging directory was removed while the server uses it, and is made again",
				"directory", stagingDirectory, "lost", gone.name, "uploads", gone.users)
			gone.lost = true
			s.dropLost(gone)
		}
	}
	s.instance.users++
	return s.instance, nil
}

// disown ends a use of an instance.
func (s *Store) disown(i *instance) {
	s.mu.Lock()
	defer s.mu.Unlock()
	i.users--
	s.dropLost(i)
}

// dropLost gives up an instance that was lost, once nothing uses it any more.
// Its lock may have outlived it. Called with s.mu held.
func (s *Store) dropLost(i *instance) {
	if !i.lost || i.users > 0 {
		return
	}
	_ = i.file.Close()
	if staging, err := openStaging(s.top); err == nil {
		s.removeInstance(staging, i.name)
		_ = staging.Close()
	}
	_ = i.lock.Close()
}

// newInstance tries again where another store, closing or sweeping, takes
// away the directory or the lock file that this one is about to use.
func (s *Store) newInstance() (*instance, error) {
	const attempts = 100
	var err error
	for range attempts {
		var i *instance
		if i, err = s.tryInstance(); !errors.Is(err, unix.ENOENT) {
			return i, err
		}
	}
	return nil, err
}

func (s *Store) tryInstance() (*instance, error) {
	if err := makePrivate(int(s.top.Fd()), stagingDirectory); err != nil && err != unix.EEXIST {
		return nil, err
	}
	staging, err := openStaging(s.top)
	if err != nil {
		return nil, err
	}
	defer staging.Close()
	if err := closeToOthers(staging); err != nil {
		return nil, err
	}
	i := &instance{name: rand.Text()}
	if err := i.takeLock(staging); err != nil {
		return nil, err
	}
	if err := i.makeIn(staging); err != nil {
		_ = unix.Unlinkat(int(staging.Fd()), i.name+lockSuffix, 0)
		_ = i.lock.Close()
		return nil, err
	}
	return i, nil
}

// makeIn makes the instance's directory, if the lock file shows that what this
// process makes belongs to whom the staging directory does: anybody else could
// exchange what is in it. A file system may have its own idea of who that is
// (a network file system that maps users), so it is not asked of the process.
func (i *instance) makeIn(staging *os.File) error {
	var directory, lock unix.Stat_t
	if err := unix.Fstat(int(staging.Fd()), &directory); err != nil {
		return err
	}
	if err := unix.Fstat(int(i.lock.Fd()), &lock); err != nil {
		return err
	}
	if directory.Uid != lock.Uid {
		return fmt.Errorf("%w: it belongs to user %d, and not to %d, whom the server runs as", errLost, directory.Uid, lock.Uid)
	}
	return i.makeDirectory(staging)
}

// closeToOthers gives a staging directory that somebody has made the mode that
// keeps others out, or returns an error where others can write to it and that
// cannot be changed.
func closeToOthers(staging *os.File) error {
	var stat unix.Stat_t
	if err := unix.Fstat(int(staging.Fd()), &stat); err != nil {
		return err
	}
	mode := uint32(stat.Mode) & 0o7777
	if mode == privateMode {
		return nil
	}
	if int(stat.Uid) == os.Geteuid() {
		return unix.Fchmod(int(staging.Fd()), privateMode)
	}
	if mode&0o022 != 0 {
		return fmt.Errorf("%w: it belongs to user %d, and others can write to it; remove it", errLost, stat.Uid)
	}
	return nil
}

// openStaging opens the staging directory, and never what a link by that name
// leads to.
func openStaging(top *os.File) (*os.File, error) {
	l, err := openChild(int(top.Fd()), stagingDirectory)
	return l.file, err
}

// makePrivate makes a directory that openDirectory refuses. mkdir(2) leaves
// the sticky bit to a chmod on some systems.
func makePrivate(dirfd int, name string) error {
	if err := retry(func() error { return unix.Mkdirat(dirfd, name, privateMode) }); err != nil {
		return err
	}
	l, err := openChild(dirfd, name)
	if err != nil {
		return err
	}
	defer l.file.Close()
	if err := unix.Fchmod(int(l.file.Fd()), privateMode); err != nil {
		_ = unix.Unlinkat(dirfd, name, unix.AT_REMOVEDIR) // nothing may be left open to others
		return err
	}
	return nil
}

// takeLock makes and locks the lock file. ENOENT says that a sweep found the
// file before it was locked and removed it. The mode with which the file is
// made shows the process's umask, which can be asked for only by changing it
// for a moment (umask(2)).
func (i *instance) takeLock(staging *os.File) error {
	const flags = unix.O_RDWR | unix.O_CREAT | unix.O_EXCL | unix.O_NOFOLLOW | unix.O_CLOEXEC
	fd, err := unix.Openat(int(staging.Fd()), i.name+lockSuffix, flags, 0o777)
	if err != nil {
		return err
	}
	i.lock = os.NewFile(uintptr(fd), i.name+lockSuffix)
	var stat unix.Stat_t
	err = unix.Flock(fd, unix.LOCK_EX|unix.LOCK_NB)
	if err == nil {
		err = unix.Fstat(fd, &stat)
	}
	if err == unix.EWOULDBLOCK || err == nil && stat.Nlink == 0 {
		err = unix.ENOENT
	}
	if err == nil {
		err = unix.Fchmod(fd, 0o600)
	}
	if err != nil {
		_ = i.lock.Close()
		return err
	}
	i.umask = ^uint32(stat.Mode) & 0o777
	return nil
}

func (i *instance) makeDirectory(staging *os.File) error {
	if err := makePrivate(int(staging.Fd()), i.name); err != nil {
		return err
	}
	l, err := openChild(int(staging.Fd()), i.name)
	if err != nil {
		return err
	}
	i.directory = directory{file: l.file, path: storage.Path(stagingDirectory).Join(i.name), shared: true}
	i.unnamed = unnamedWorks(place{&i.directory, i.nextName()})
	return nil
}

// closeInstance removes the instance's directory, which is empty by now, and
// the staging directory if no other store uses it.
func (s *Store) closeInstance() {
	i := s.instance
	if i == nil {
		return
	}
	_ = i.file.Close()
	if staging, err := openStaging(s.top); err == nil {
		s.removeInstance(staging, i.name)
		_ = staging.Close()
	}
	_ = i.lock.Close()
	removeStaging(s.top)
}

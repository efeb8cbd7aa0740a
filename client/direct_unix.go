//go:build unix

package client

import (
	"errors"
	"io/fs"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// direct makes and reads small files of one directory with as few system calls as
// it takes. A name is one component, and no link is followed, so that all stays in
// the directory as it does with os.Root, which costs twice as many calls. Its
// errors only say that the other way is to be tried, which tells what is wrong.
type direct struct {
	once sync.Once
	file *os.File // the directory
	fd   int      // of file
	err  error

	named atomic.Bool // a file here needs a name from the start

	// granted and denied are the permissions that new files have been found to get
	// and not to get: by the umask, or by what the directory prescribes.
	granted, denied atomic.Uint32
}

func (d *direct) open(root *os.Root) error {
	d.once.Do(func() {
		if d.file, d.err = root.Open("."); d.err == nil {
			d.fd = int(d.file.Fd())
		}
	})
	return d.err
}

func (d *direct) close() {
	if d.file != nil {
		_ = d.file.Close() // nothing is written through it
	}
}

var errOtherwise = errors.New("to be tried otherwise")

// store makes a file whose content is there and verified, or replaces it.
func (d *localDir) store(name string, content []byte, info Info) error {
	if err := d.direct.open(d.root); err != nil {
		return err
	}
	if made, err := d.direct.storeUnnamed(name, content, info); made || err != nil {
		return err
	}
	part := partName(name)
	mode := uint32(info.Mode.Perm())
	fd, err := unix.Openat(d.direct.fd, part, unix.O_WRONLY|unix.O_CREAT|unix.O_EXCL|unix.O_NOFOLLOW|unix.O_CLOEXEC, mode)
	if err != nil {
		return err
	}
	err = d.direct.fill(fd, part, content, mode, info)
	if closing := unix.Close(fd); err == nil {
		err = closing
	}
	if err == nil {
		err = unix.Renameat(d.direct.fd, part, d.direct.fd, name)
	}
	if err != nil {
		_ = unix.Unlinkat(d.direct.fd, part, 0) // nothing better can be done
	}
	return err
}

// storeUnnamed makes a file that has no name until it is whole, where the system and the
// directory allow that. It reports false where they do not, and where the name is taken.
func (d *direct) storeUnnamed(name string, content []byte, info Info) (made bool, err error) {
	if d.named.Load() {
		return false, nil
	}
	mode := uint32(info.Mode.Perm())
	fd, err := openUnnamed(d.fd, mode)
	if err != nil {
		d.named.Store(true)
		return false, nil
	}
	if err = d.fill(fd, "", content, mode, info); err != nil {
		_ = unix.Close(fd) // and nothing is left of it
		return false, err
	}
	linked := linkUnnamed(fd, d.fd, name)
	err = unix.Close(fd)
	switch {
	case linked == nil && err != nil: // what was written did not get there
		_ = unix.Unlinkat(d.fd, name, 0) // nothing better can be done
		return false, err
	case linked == nil:
		return true, nil
	case !errors.Is(linked, unix.EEXIST):
		d.named.Store(true)
	}
	return false, nil
}

// fill gives a new file all but its name.
func (d *direct) fill(fd int, part string, content []byte, mode uint32, info Info) error {
	if err := d.permit(fd, mode); err != nil {
		return err
	}
	if len(content) > 0 {
		if n, err := unix.Write(fd, content); err != nil || n < len(content) {
			return errors.Join(errOtherwise, err)
		}
	}
	if info.Mtime.IsZero() {
		return nil
	}
	return setMtime(d.fd, fd, part, info.Mtime)
}

// permit gives a file that was made with a mode what it did not get of that.
func (d *direct) permit(fd int, mode uint32) error {
	if mode&^(d.granted.Load()|d.denied.Load()) != 0 {
		var stat unix.Stat_t
		if err := unix.Fstat(fd, &stat); err != nil {
			return err
		}
		d.granted.Or(mode & uint32(stat.Mode))
		d.denied.Or(mode &^ uint32(stat.Mode))
	}
	if mode&d.denied.Load() == 0 {
		return nil
	}
	return unix.Fchmod(fd, mode)
}

// list opens the directory, whose path is for errors, to read its entries. In a file
// that an os.Root opened each would be looked at, though its kind is there.
func (d *localDir) list(path string) (*os.File, error) {
	if err := d.direct.open(d.root); err != nil {
		return nil, err
	}
	fd, err := unix.Openat(d.direct.fd, ".", unix.O_RDONLY|unix.O_DIRECTORY|unix.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	return os.NewFile(uintptr(fd), path), nil
}

// load reads a regular file that has at most len(b)-1 bytes, and did not change
// meanwhile.
func (d *localDir) load(name string, b []byte) (Info, error) {
	if err := d.direct.open(d.root); err != nil {
		return Info{}, err
	}
	fd, err := unix.Openat(d.direct.fd, name, unix.O_RDONLY|unix.O_NONBLOCK|unix.O_NOFOLLOW|unix.O_CLOEXEC, 0)
	if err != nil {
		return Info{}, err
	}
	defer func() { _ = unix.Close(fd) }() // it was only read
	var before, after unix.Stat_t
	if err := unix.Fstat(fd, &before); err != nil {
		return Info{}, err
	}
	size := before.Size
	if before.Mode&unix.S_IFMT != unix.S_IFREG || size >= int64(len(b)) {
		return Info{}, errOtherwise
	}
	n, err := unix.Read(fd, b[:size+1]) // one more would show that it has grown
	if err == nil {
		err = unix.Fstat(fd, &after)
	}
	if err != nil || int64(n) != size || after.Size != size || after.Mtim != before.Mtim || after.Ctim != before.Ctim {
		return Info{}, errors.Join(errOtherwise, err)
	}
	return Info{Size: size, Mode: fs.FileMode(before.Mode) & fs.ModePerm, Mtime: time.Unix(before.Mtim.Unix())}, nil
}

//go:build unix

package local

import (
	"os"
	"strings"

	"ftpd/server/storage"

	"golang.org/x/sys/unix"
)

// maxOpen bounds the descriptors that a walk holds, however deep the tree.
const maxOpen = 32

// trail is the way from the directory that a walk began in to the one it is
// in. Links are never followed, so it cannot loop.
type trail struct {
	levels []level
}

// level is a directory on the trail. Beyond maxOpen only the last one is open;
// the others are reopened as the ".." of what they contain, and have to be the
// same directory still.
type level struct {
	file   *os.File // nil while it is parked
	id     fileID
	prefix string   // what its entries' paths begin with: "" or "a/b/"
	names  []string // read from it and not yet dealt with
	ended  bool     // all of its names have been read

	left     map[string]bool // a removal has found that these names cannot go
	overlong bool            // a listing has said that it leaves out entries for their long paths
}

// path returns the path of the directory itself.
func (l *level) path() storage.Path { return storage.Path(strings.TrimSuffix(l.prefix, "/")) }

// leave remembers a name that cannot go.
func (l *level) leave(name string) {
	if l.left == nil {
		l.left = make(map[string]bool)
	}
	l.left[name] = true
}

// openChild opens a directory in a directory, if it is one and no link.
func openChild(dirfd int, name string) (level, error) {
	var fd int
	const flags = unix.O_RDONLY | unix.O_DIRECTORY | unix.O_NOFOLLOW | unix.O_CLOEXEC
	err := retry(func() (err error) {
		fd, err = unix.Openat(dirfd, name, flags, 0)
		return err
	})
	if err != nil {
		return level{}, err
	}
	var stat unix.Stat_t
	if err := unix.Fstat(fd, &stat); err != nil {
		_ = unix.Close(fd)
		return level{}, err
	}
	return level{file: os.NewFile(uintptr(fd), name), id: idOf(&stat)}, nil
}

// close may be called of a level that was not opened.
func (l *level) close() {
	if l.file != nil {
		_ = l.file.Close()
	}
}

func (t *trail) last() *level { return &t.levels[len(t.levels)-1] }

// push goes into a directory that was opened from the last one, and parks that
// one where the trail is long.
func (t *trail) push(l level) {
	if len(t.levels) >= maxOpen {
		_ = t.last().file.Close()
		t.last().file = nil
	}
	t.levels = append(t.levels, l)
}

// pop goes back to the directory above. Where that has moved away meanwhile,
// it stays closed and the error is ESTALE.
func (t *trail) pop() error {
	child := *t.last()
	t.levels = t.levels[:len(t.levels)-1]
	defer child.file.Close()
	if len(t.levels) == 0 || t.last().file != nil {
		return nil
	}
	parent, err := openChild(int(child.file.Fd()), "..")
	if err != nil {
		return err
	}
	if parent.id != t.last().id {
		_ = parent.file.Close()
		return unix.ESTALE
	}
	t.last().file = parent.file
	return nil
}

func (t *trail) close() {
	for i := range t.levels {
		t.levels[i].close()
	}
	t.levels = nil
}

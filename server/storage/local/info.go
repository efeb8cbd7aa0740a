//go:build unix

package local

import (
	"encoding/binary"
	"time"

	"ftpd/server/storage"

	"github.com/zeebo/xxh3"
	"golang.org/x/sys/unix"
)

// fileID is what makes two names the same file.
type fileID struct{ device, inode uint64 }

func idOf(stat *unix.Stat_t) fileID {
	return fileID{uint64(stat.Dev), uint64(stat.Ino)}
}

// Stat implements [storage.Storage].
func (s *Store) Stat(path storage.Path, follow bool) (storage.Info, error) {
	var info storage.Info
	describe := func(p place) error {
		stat, err := p.lstat()
		if err != nil {
			return err
		}
		info = infoOf(&stat)
		if info.Kind == storage.Symlink && follow {
			return unix.ELOOP
		}
		return nil
	}
	resolve := s.at
	if follow {
		resolve = s.following
	}
	if err := resolve(path, describe); err != nil {
		return storage.Info{}, err
	}
	if info.Kind == storage.Symlink {
		return s.withTarget(path, info)
	}
	return info, nil
}

// withTarget fills in where the link at path leads.
func (s *Store) withTarget(path storage.Path, info storage.Info) (storage.Info, error) {
	target, err := s.root.Readlink(string(path))
	if err != nil {
		return storage.Info{}, s.fail(path, err)
	}
	info.Target = target
	return info, nil
}

// infoOf describes what stat does. A link's target is left out.
func infoOf(stat *unix.Stat_t) storage.Info {
	info := storage.Info{
		Kind:  kindOf(stat),
		Mode:  uint32(stat.Mode) & 0o777,
		Mtime: time.Unix(stat.Mtim.Unix()),
	}
	if info.Kind == storage.Regular {
		info.Size = stat.Size
		info.ETag = etagOf(stat)
	}
	return info
}

func kindOf(stat *unix.Stat_t) storage.Kind {
	switch uint32(stat.Mode) & unix.S_IFMT {
	case unix.S_IFREG:
		return storage.Regular
	case unix.S_IFDIR:
		return storage.Directory
	case unix.S_IFLNK:
		return storage.Symlink
	default:
		return storage.Special
	}
}

// etagOf identifies a version of a file's content: it differs when the file is
// replaced (inode) or written to (mtime, and ctime where a program put the
// mtime back). Two writes within one tick of the file system's clock are told
// apart by the size only: up to 4 ms, and none since Linux 6.13, whose
// timestamps are fine-grained once someone has looked at them.
func etagOf(stat *unix.Stat_t) uint64 {
	var b [40]byte
	binary.BigEndian.PutUint64(b[0:], uint64(stat.Dev))
	binary.BigEndian.PutUint64(b[8:], uint64(stat.Ino))
	binary.BigEndian.PutUint64(b[16:], uint64(stat.Size))
	binary.BigEndian.PutUint64(b[24:], uint64(nanoseconds(stat.Mtim)))
	binary.BigEndian.PutUint64(b[32:], uint64(nanoseconds(stat.Ctim)))
	if tag := xxh3.Hash(b[:]); tag != 0 {
		return tag
	}
	return 1 // 0 means "no condition"
}

// nanoseconds may wrap around for a time centuries away; an ETag is none the
// worse for it.
func nanoseconds(t unix.Timespec) int64 {
	seconds, rest := t.Unix()
	return seconds*int64(time.Second) + rest
}

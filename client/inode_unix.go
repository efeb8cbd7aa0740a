//go:build darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd || solaris

package client

import (
	"encoding/binary"
	"io/fs"
	"syscall"
)

// appendInode appends what else tells versions of a file apart: which inode it is,
// and when that was last changed in any way, which nobody can set back.
func appendInode(b []byte, info fs.FileInfo) []byte {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return b
	}
	for _, n := range []uint64{uint64(stat.Dev), uint64(stat.Ino), uint64(changeTime(stat))} {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	return b
}

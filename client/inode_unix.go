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

// inodeChanged tells whether a file was changed in any way since then, also where its
// time was set back. That it has lost its last name moves the same clock, and does
// nothing to its content.
func inodeChanged(then, now fs.FileInfo) bool {
	before, ok := then.Sys().(*syscall.Stat_t)
	after, too := now.Sys().(*syscall.Stat_t)
	if !ok || !too || before.Nlink > 0 && after.Nlink == 0 {
		return false
	}
	return changeTime(before) != changeTime(after)
}

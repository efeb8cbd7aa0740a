//go:build dragonfly || illumos || linux || openbsd || solaris

package client

import "syscall"

// changeTime returns a file's ctime in nanoseconds.
func changeTime(stat *syscall.Stat_t) int64 { return stat.Ctim.Nano() }

//go:build !(darwin || dragonfly || freebsd || illumos || linux || netbsd || openbsd)

package client

import (
	"io/fs"
	"os"
	"syscall"
)

// canLock says whether the system has locks that end with their process. This
// one has none that package syscall offers: every run has a part file of its
// own, and none is gone on with.
const canLock = false

func tryLock(*os.File) error { return syscall.EWOULDBLOCK }

func isOurs(info fs.FileInfo) bool { return info.Mode().IsRegular() }

//go:build !linux

// Command iomodels measures I/O models, on Linux only: it needs epoll, io_uring,
// real-time signals for sockets, and what /proc tells of a process.
package main

import (
	"fmt"
	"os"
	"runtime"
)

func main() {
	fmt.Fprintf(os.Stderr, "iomodels: runs on Linux, this is %s\n", runtime.GOOS)
	os.Exit(1)
}

//go:build linux

package models

import (
	"fmt"
	"runtime"
	"runtime/debug"

	"golang.org/x/sys/unix"
)

// maxThreads lifts the limit of 10,000 that the Go runtime sets as a guard.
const maxThreads = 30_000

// serveThreads is the oldest model: each connection has a thread, which blocks
// in read(2) until there is input, and in write(2) until there is room.
//
// The calls are the kernel's, not Go's poller's, and each goroutine is locked to
// a thread that ends with it, so that what waits is a thread and nothing else.
func serveThreads(s Server) error {
	debug.SetMaxThreads(maxThreads)
	runProcessors(threadProcessors)
	for {
		fd, err := accept(s.Listener, 0)
		if err != nil {
			return fmt.Errorf("accept: %w", err)
		}
		go func() {
			runtime.LockOSThread()
			converse(fd, s.Handle)
		}()
	}
}

// converse answers one client to its end, on blocking calls.
func converse(fd int, handle Handler) {
	defer unix.Close(fd)
	buf := make([]byte, bufferSize)
	for {
		n, err := read(fd, buf)
		if n <= 0 || err != nil {
			return // its end, or a reset: there is nobody left to tell
		}
		handle(buf[:n])
		for rest := buf[:n]; len(rest) > 0; {
			written, err := write(fd, rest)
			if err != nil {
				return
			}
			rest = rest[written:]
		}
	}
}

// threadProcessors is how many threads may run Go code at once in the models
// made of threads. With GOMAXPROCS at the number of processors, a thread that
// returns from a system call queues in the Go scheduler for one of those two or
// four places; with more of them than busy threads, the kernel alone schedules,
// as it does in a program of plain threads.
const threadProcessors = 256

func runProcessors(n int) {
	runtime.GOMAXPROCS(max(n, runtime.GOMAXPROCS(0)))
}

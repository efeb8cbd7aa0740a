//go:build linux

package models

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

const (
	// poolThreads is how many clients can be served at once.
	poolThreads = 256
	// poolQueue is how many more connections wait for a thread before accept
	// itself waits.
	poolQueue = 1 << 16
)

// serveThreadPool bounds the threads: connections queue for one of them, and the
// one that takes a connection serves it until it closes. So the bound is one on
// clients too. An idle client holds a thread like a busy one, and the first
// client beyond the number of threads waits until another leaves, however
// little those do.
func serveThreadPool(s Server) error {
	debug.SetMaxThreads(maxThreads)
	runProcessors(threadProcessors)
	queue := make(chan int, poolQueue)
	for range poolThreads {
		go func() {
			runtime.LockOSThread()
			for fd := range queue {
				converse(fd, s.Handle)
			}
		}()
	}
	for {
		fd, err := accept(s.Listener, 0)
		if err != nil {
			return fmt.Errorf("accept: %w", err)
		}
		queue <- fd
	}
}

//go:build linux

package models

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

// HeavyMark begins a request that the handler of Heavy takes its time for.
const HeavyMark = '!'

// Upper turns ASCII letters into capitals and leaves every other byte alone.
func Upper(data []byte) {
	for i, c := range data {
		if 'a' <= c && c <= 'z' {
			data[i] = c - ('a' - 'A')
		}
	}
}

// Heavy returns Upper with a delay for input that begins with HeavyMark: like a
// slow disk or a name server, it blocks the thread that it runs on and uses no
// processor. time.Sleep would not do: it parks a goroutine and frees its thread.
func Heavy(delay time.Duration) Handler {
	return func(data []byte) {
		if len(data) > 0 && data[0] == HeavyMark {
			block(delay)
		}
		Upper(data)
	}
}

// block sleeps in the kernel. Signals of the Go scheduler interrupt it, and what
// is left is slept then (nanosleep(2)).
func block(delay time.Duration) {
	left := unix.NsecToTimespec(delay.Nanoseconds())
	for {
		wanted := left
		if err := unix.Nanosleep(&wanted, &left); !errors.Is(err, unix.EINTR) {
			return
		}
	}
}

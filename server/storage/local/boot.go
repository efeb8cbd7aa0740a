//go:build unix

package local

import (
	"crypto/rand"
	"crypto/sha256"
	"os"
	"sync"
)

// bootID returns what differs each time the machine is started: on Linux what
// proc(5) has under /proc/sys/kernel/random. Elsewhere, and where that is not to
// be had, it differs with every process, so that what one left is of no use to
// the next.
var bootID = sync.OnceValue(func() (id [16]byte) {
	text, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil || len(text) == 0 {
		text = []byte(rand.Text())
	}
	digest := sha256.Sum256(text)
	copy(id[:], digest[:])
	return id
})

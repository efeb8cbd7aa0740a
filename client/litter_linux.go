package client

import (
	"encoding/binary"
	"errors"
	"os"
	"sync"
	"syscall"

	"ftpd/protocol"
)

// processSpace tells where process numbers mean the same processes: one run of one
// machine, and in it one pid_namespaces(7). It has 16 bits and is 0 where that is not known.
var processSpace = sync.OnceValue(func() uint64 {
	namespace, err := os.Readlink("/proc/self/ns/pid")
	if err != nil || bootID() == "" {
		return 0
	}
	digest := protocol.BlockDigest([]byte(bootID() + namespace))
	return max(1, uint64(binary.BigEndian.Uint16(digest[:])))
})

// processRuns tells whether there is a process of this number, whoever's it is.
func processRuns(pid int) bool { return !errors.Is(syscall.Kill(pid, 0), syscall.ESRCH) }

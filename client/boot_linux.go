package client

import (
	"os"
	"strings"
	"sync"
)

// bootID returns what differs each time the machine is started (proc(5),
// /proc/sys/kernel/random).
var bootID = sync.OnceValue(func() string {
	id, _ := os.ReadFile("/proc/sys/kernel/random/boot_id") // nothing then
	return strings.TrimSpace(string(id))
})

package command

import (
	"os"
	"runtime"
)

// spare is how many of the runtime's processors SpareProcessors adds.
const spare = 2

// SpareProcessors gives the runtime more processors (GOMAXPROCS) than the machine has,
// unless the environment says how many. A goroutine that waits in a system call, as
// the loop does in its selector, keeps its processor until the runtime's monitor takes
// it away for another; while it has to do so again and again, the monitor itself wakes
// every 20 µs (runtime/proc.go, sysmon and retake). With one to spare nobody has to.
func SpareProcessors() {
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + spare)
	}
}

//go:build !linux

// Command mirror measures a mirror that has nothing to do, on Linux only: it takes
// rsync as bench/peers does.
package main

import (
	"fmt"
	"os"
	"runtime"
)

func main() {
	fmt.Fprintf(os.Stderr, "mirror: runs on Linux, this is %s\n", runtime.GOOS)
	os.Exit(1)
}

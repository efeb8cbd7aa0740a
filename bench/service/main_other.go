//go:build !linux

// Command service measures what a server costs that has little to do, on Linux
// only: it reads memory in /proc.
package main

import (
	"fmt"
	"os"
	"runtime"
)

func main() {
	fmt.Fprintf(os.Stderr, "service: runs on Linux, this is %s\n", runtime.GOOS)
	os.Exit(1)
}

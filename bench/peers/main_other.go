//go:build !linux

// Command peers measures the product beside other tools, on Linux only: it
// takes them from Debian packages, and reads their processor time in /proc.
package main

import (
	"fmt"
	"os"
	"runtime"
)

func main() {
	fmt.Fprintf(os.Stderr, "peers: runs on Linux, this is %s\n", runtime.GOOS)
	os.Exit(1)
}

//go:build !linux

// Command bare copies on Linux only.
package main

func main() {}

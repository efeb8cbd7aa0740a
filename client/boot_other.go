//go:build !linux

package client

// bootID returns nothing where the system does not tell when it was started:
// what a part file holds is compared with its journal then.
func bootID() string { return "" }

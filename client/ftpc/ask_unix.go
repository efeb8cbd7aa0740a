//go:build unix

package main

import "os"

func openTTY() (*dialogue, error) {
	f, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	return &dialogue{in: f, out: f}, err
}

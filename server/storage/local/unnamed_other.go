//go:build unix && !linux

package local

import (
	"time"

	"golang.org/x/sys/unix"
)

// No other system gives a file that has none a name.

func unnamedWorks(place) bool                     { return false }
func openUnnamed(int, uint32) (fd int, err error) { return -1, unix.ENOTSUP }
func linkUnnamed(int, place) error                { return unix.ENOTSUP }
func setMtimeOf(int, time.Time) error             { return unix.ENOTSUP }

package systemd

import (
	"strconv"

	"golang.org/x/sys/unix"
)

// sinceBoot is the time as systemd compares it.
func sinceBoot() string {
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return "" // every kernel since 2.6 has it
	}
	return "\nMONOTONIC_USEC=" + strconv.FormatInt(now.Nano()/1000, 10)
}

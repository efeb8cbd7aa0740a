//go:build unix

package systemd

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
)

// firstSocket is the descriptor of the first socket that is handed over
// (SD_LISTEN_FDS_START).
const firstSocket = 3

// Socket is a socket that the manager has opened for the service.
type Socket struct {
	FD   int    // 0 is none
	Name string // as the manager calls it; may be empty
}

// ErrOneSocket is returned by Listener where the manager hands over several.
var ErrOneSocket = errors.New("the service listens on one socket")

// Listener returns the socket that is handed over by LISTEN_FDS, or none: where it is not
// set, and where LISTEN_PID says that it is meant for another process. What kind of
// socket it is has not been looked at.
func Listener() (Socket, error) {
	count := os.Getenv("LISTEN_FDS")
	if count == "" || os.Getenv("LISTEN_PID") != strconv.Itoa(os.Getpid()) {
		return Socket{}, nil
	}
	n, err := strconv.Atoi(count)
	if err != nil || n < 0 {
		return Socket{}, fmt.Errorf("LISTEN_FDS: %q is no number of sockets", count)
	}
	names := os.Getenv("LISTEN_FDNAMES")
	switch n {
	case 0:
		return Socket{}, nil
	case 1:
		return Socket{FD: firstSocket, Name: names}, nil
	}
	return Socket{}, fmt.Errorf("LISTEN_FDS: %d sockets (%s): %w", n, strings.ReplaceAll(names, ":", ", "), ErrOneSocket)
}

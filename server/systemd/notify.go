//go:build unix

// Package systemd speaks with a service manager as systemd does: it is told how the
// service fares (sd_notify(3)) and hands over the socket to listen on
// (sd_listen_fds(3)). Any manager that sets the same variables will do.
package systemd

import (
	"fmt"
	"os"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// Notifier tells the manager how the service fares. It is connected once, at the
// start: a confined process may not find the manager again. A nil Notifier, where there
// is no manager, tells nobody.
type Notifier struct{ fd int }

// Notify connects to the manager that NOTIFY_SOCKET names: a path, or after an @ a name
// of the abstract namespace. It returns nil where the variable is not set.
func Notify() (*Notifier, error) {
	name := os.Getenv("NOTIFY_SOCKET")
	if name == "" {
		return nil, nil
	}
	if name[0] != '/' && name[0] != '@' {
		return nil, fmt.Errorf("NOTIFY_SOCKET: %q is neither a path nor a name with an @", name)
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_DGRAM, 0)
	if err != nil {
		return nil, os.NewSyscallError("socket", err)
	}
	unix.CloseOnExec(fd)
	if err = unix.SetNonblock(fd, true); err == nil {
		err = unix.Connect(fd, &unix.SockaddrUnix{Name: name})
	}
	if err != nil {
		_ = unix.Close(fd)
		return nil, fmt.Errorf("NOTIFY_SOCKET: connect to %q: %w", name, err)
	}
	return &Notifier{fd}, nil
}

// Ready tells that the service serves, and ends what Reloading began.
func (n *Notifier) Ready() { n.send("READY=1") }

// Reloading tells that the service reads its configuration again. A manager that asked
// for it by a signal tells from the time that this is the answer (Type=notify-reload).
func (n *Notifier) Reloading() { n.send("RELOADING=1" + sinceBoot()) }

// Stopping tells that the service is about to end.
func (n *Notifier) Stopping() { n.send("STOPPING=1") }

// Alive tells that the service is not stuck: see WatchdogPeriod.
func (n *Notifier) Alive() { n.send("WATCHDOG=1") }

// send never waits. What a manager that does not read has no room for is lost to it.
func (n *Notifier) send(state string) {
	if n != nil {
		_, _ = unix.Write(n.fd, []byte(state))
	}
}

// WatchdogPeriod returns how often the manager wants to hear that the service is alive,
// of WATCHDOG_USEC: half the time after which it takes it for stuck. 0 is never.
func WatchdogPeriod() (time.Duration, error) {
	text, pid := os.Getenv("WATCHDOG_USEC"), os.Getenv("WATCHDOG_PID")
	if text == "" || pid != "" && pid != strconv.Itoa(os.Getpid()) {
		return 0, nil
	}
	const most = int64(1<<63-1) / 1000
	limit, err := strconv.ParseInt(text, 10, 64)
	if err != nil || limit < 2 || limit > most {
		return 0, fmt.Errorf("WATCHDOG_USEC: %q is no time in microseconds", text)
	}
	return time.Duration(limit) * time.Microsecond / 2, nil
}

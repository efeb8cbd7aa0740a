//go:build unix

package systemd

import (
	"os"
	"strconv"
	"strings"
	"testing"
	"time"
)

// set sets variables of the environment for a test; a value of "own" is the number of
// this process.
func set(t *testing.T, variables string) {
	t.Helper()
	for _, name := range []string{"LISTEN_FDS", "LISTEN_PID", "LISTEN_FDNAMES", "WATCHDOG_USEC", "WATCHDOG_PID", "NOTIFY_SOCKET"} {
		t.Setenv(name, "")
	}
	for field := range strings.FieldsSeq(variables) {
		name, value, _ := strings.Cut(field, "=")
		if value == "own" {
			value = strconv.Itoa(os.Getpid())
		}
		t.Setenv(name, value)
	}
}

// TestWatchdogPeriod: twice in the time after which the manager takes the service for stuck.
func TestWatchdogPeriod(t *testing.T) {
	for _, c := range []struct {
		variables string
		want      time.Duration
		fails     bool
	}{
		{"", 0, false},
		{"WATCHDOG_PID=own", 0, false},
		{"WATCHDOG_USEC=30000000", 15 * time.Second, false},
		{"WATCHDOG_USEC=30000000 WATCHDOG_PID=own", 15 * time.Second, false},
		{"WATCHDOG_USEC=30000000 WATCHDOG_PID=1", 0, false},
		{"WATCHDOG_USEC=soon WATCHDOG_PID=1", 0, false},
		{"WATCHDOG_USEC=2", time.Microsecond, false},
		{"WATCHDOG_USEC=1", 0, true},
		{"WATCHDOG_USEC=0", 0, true},
		{"WATCHDOG_USEC=-5", 0, true},
		{"WATCHDOG_USEC=soon", 0, true},
		{"WATCHDOG_USEC=9223372036854775", 9223372036854775 * time.Microsecond / 2, false},
		{"WATCHDOG_USEC=9223372036854776", 0, true}, // more nanoseconds than there are
	} {
		set(t, c.variables)
		if got, err := WatchdogPeriod(); got != c.want || (err != nil) != c.fails {
			t.Errorf("%s: %v, %v", c.variables, got, err)
		}
	}
}

// TestListener takes one socket, of this process.
func TestListener(t *testing.T) {
	for _, c := range []struct {
		variables string
		want      Socket
		fails     bool
	}{
		{"", Socket{}, false},
		{"LISTEN_FDS=1", Socket{}, false},
		{"LISTEN_FDS=1 LISTEN_PID=1", Socket{}, false},
		{"LISTEN_FDS=many LISTEN_PID=1", Socket{}, false},
		{"LISTEN_FDS=0 LISTEN_PID=own", Socket{}, false},
		{"LISTEN_FDS=1 LISTEN_PID=own", Socket{FD: 3}, false},
		{"LISTEN_FDS=1 LISTEN_PID=own LISTEN_FDNAMES=ftpd.socket", Socket{FD: 3, Name: "ftpd.socket"}, false},
		{"LISTEN_FDS=2 LISTEN_PID=own LISTEN_FDNAMES=a:b", Socket{}, true},
		{"LISTEN_FDS=-1 LISTEN_PID=own", Socket{}, true},
		{"LISTEN_FDS=many LISTEN_PID=own", Socket{}, true},
	} {
		set(t, c.variables)
		if got, err := Listener(); got != c.want || (err != nil) != c.fails {
			t.Errorf("%s: %+v, %v", c.variables, got, err)
		}
	}
}

// TestNobodyToTell: where there is no manager, nobody is told.
func TestNobodyToTell(t *testing.T) {
	set(t, "")
	n, err := Notify()
	if n != nil || err != nil {
		t.Fatalf("%v, %v", n, err)
	}
	n.Ready()
	n.Reloading()
	n.Alive()
	n.Stopping()
}

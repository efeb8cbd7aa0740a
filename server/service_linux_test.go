package server

import (
	"context"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// manager is a service manager that listens to what the service says of itself.
type manager struct {
	t    *testing.T
	conn *net.UnixConn
	name string
}

func newManager(t *testing.T, name string) *manager {
	t.Helper()
	conn, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &manager{t, conn, name}
}

// next returns the next message, or the next but what is not asked for.
func (m *manager) next(but ...string) string {
	m.t.Helper()
	if err := m.conn.SetReadDeadline(time.Now().Add(10 * time.Second)); err != nil {
		m.t.Fatal(err)
	}
	p := make([]byte, 4096)
	for {
		n, err := m.conn.Read(p)
		if err != nil {
			m.t.Fatalf("the service says nothing: %v", err)
		}
		if said := string(p[:n]); !slices.Contains(but, said) {
			return said
		}
	}
}

// managed starts ftpd as a service manager does, on a socket or none. The shell knows
// the number of the process that it becomes.
func managed(t *testing.T, socket *os.File, variables []string, flags ...string) *daemon {
	t.Helper()
	root := t.TempDir()
	cmd := exec.Command("/bin/sh", append([]string{"-c", `LISTEN_PID=$$ WATCHDOG_PID=$$ exec "$0" "$@"`, ftpd, "--root", root}, flags...)...)
	cmd.Env = append(os.Environ(), variables...)
	if socket != nil {
		cmd.ExtraFiles = []*os.File{socket}
		cmd.Env = append(cmd.Env, "LISTEN_FDS=1", "LISTEN_FDNAMES=ftpd.socket")
	}
	return begin(t, root, cmd)
}

// TestManaged tells a service manager, which confines and all, how the server fares,
// over both kinds of names.
func TestManaged(t *testing.T) {
	for kind, name := range map[string]string{
		"path":     filepath.Join(t.TempDir(), "notify"),
		"abstract": "@ftpd-test-" + strconv.Itoa(os.Getpid()),
	} {
		t.Run(kind, func(t *testing.T) {
			m := newManager(t, name)
			d := managed(t, nil, []string{"NOTIFY_SOCKET=" + name}, "--listen", "127.0.0.1:0")
			if said := m.next(); said != "READY=1" {
				t.Errorf("first it says %q", said)
			}
			d.signal(syscall.SIGHUP)
			if said := m.next(); !strings.HasPrefix(said, "RELOADING=1\nMONOTONIC_USEC=") {
				t.Errorf("after SIGHUP it says %q", said)
			}
			if said := m.next(); said != "READY=1" {
				t.Errorf("then it says %q", said)
			}
			put(t, dial(t, d.address), "f", "it serves still")
			d.signal(syscall.SIGTERM)
			if said := m.next(); said != "STOPPING=1" {
				t.Errorf("at last it says %q", said)
			}
			if err := d.wait(); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestWatchdog: the loop says that it turns, again and again, and to nobody who did not
// ask.
func TestWatchdog(t *testing.T) {
	name := filepath.Join(t.TempDir(), "notify")
	m := newManager(t, name)
	d := managed(t, nil, []string{"NOTIFY_SOCKET=" + name, "WATCHDOG_USEC=20000"}, "--listen", "127.0.0.1:0")
	for range 5 {
		if said := m.next("READY=1"); said != "WATCHDOG=1" {
			t.Errorf("it says %q", said)
		}
	}
	d.signal(syscall.SIGTERM)
	if said := m.next("WATCHDOG=1"); said != "STOPPING=1" {
		t.Errorf("it says %q", said)
	}
	if err := d.wait(); err != nil {
		t.Error(err)
	}
}

// TestSocketOfManager serves on a socket that was opened for the server, which is then
// as one of its own.
func TestSocketOfManager(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	socket, err := listener.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer socket.Close()
	if err := unix.SetNonblock(int(socket.Fd()), false); err != nil {
		t.Fatal(err)
	}
	d := managed(t, socket, nil, "--listen", "127.0.0.1:1") // where nobody may listen
	if want := listener.Addr().String(); d.address != want {
		t.Errorf("it serves on %s and not on %s", d.address, want)
	}
	put(t, dial(t, d.address), "f", "content")
	info, err := os.ReadFile("/proc/" + d.status("Pid") + "/fdinfo/3")
	if err != nil {
		t.Skipf("this system does not tell of descriptors: %v", err)
	}
	_, text, _ := strings.Cut(string(info), "flags:")
	flags, err := strconv.ParseInt(strings.Fields(text)[0], 8, 64)
	if want := int64(unix.O_NONBLOCK | unix.O_CLOEXEC); err != nil || flags&want != want {
		t.Errorf("the socket has flags %o, %v", flags, err)
	}
}

// startWrongly starts ftpd as a service manager does that does something wrong, and returns
// what it says and its exit status; -1 is of one that serves all the same.
func startWrongly(t *testing.T, socket *os.File, variables []string) (out string, status int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, "/bin/sh", "-c", `LISTEN_PID=$$ exec "$0" "$@"`, ftpd, "--root", t.TempDir(), "--listen", "127.0.0.1:0")
	cmd.Env = append(os.Environ(), "LISTEN_FDS=")
	if socket != nil {
		cmd.Env = append(os.Environ(), "LISTEN_FDS=1", "LISTEN_FDNAMES=ftpd.socket")
		cmd.ExtraFiles = []*os.File{socket}
	}
	cmd.Env = append(cmd.Env, variables...)
	said, err := cmd.CombinedOutput()
	if _, ok := errors.AsType[*exec.ExitError](err); err != nil && !ok {
		t.Fatal(err)
	}
	return string(said), cmd.ProcessState.ExitCode()
}

// TestWrongManagers: what a service manager does wrong is one clear error.
func TestWrongManagers(t *testing.T) {
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer udp.Close()
	datagrams, err := udp.(*net.UDPConn).File()
	if err != nil {
		t.Fatal(err)
	}
	defer datagrams.Close()
	local, err := net.Listen("unix", filepath.Join(t.TempDir(), "socket"))
	if err != nil {
		t.Fatal(err)
	}
	defer local.Close()
	unixSocket, err := local.(*net.UnixListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer unixSocket.Close()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	deaf := os.NewFile(uintptr(fd), "deaf")
	defer deaf.Close()
	everywhere, err := net.Listen("tcp4", "0.0.0.0:0")
	if err != nil {
		t.Fatal(err)
	}
	defer everywhere.Close()
	reachable, err := everywhere.(*net.TCPListener).File()
	if err != nil {
		t.Fatal(err)
	}
	defer reachable.Close()
	regular, err := os.Open(ftpd)
	if err != nil {
		t.Fatal(err)
	}
	defer regular.Close()
	for _, c := range []struct {
		name      string
		socket    *os.File
		variables []string
		says      []string
	}{
		{"datagrams", datagrams, nil, []string{`ftpd: LISTEN_FDS: "ftpd.socket"`, "no TCP socket that listens", "hint: "}},
		{"a local socket", unixSocket, nil, []string{"no TCP socket that listens"}},
		{"one that does not listen", deaf, nil, []string{"no TCP socket that listens"}},
		{"a file", regular, nil, []string{"descriptor 3", "socket"}},
		{"one that others reach", reachable, nil, []string{"ftpd: LISTEN_FDS: ", "0.0.0.0:", "--insecure"}},
		{"two", datagrams, []string{"LISTEN_FDS=2", "LISTEN_FDNAMES=a:b"}, []string{"2 sockets (a, b)", "hint: "}},
		{"no number", datagrams, []string{"LISTEN_FDS=x"}, []string{`LISTEN_FDS: "x"`}},
		{"nobody to notify", nil, []string{"NOTIFY_SOCKET=/does/not/exist"}, []string{"NOTIFY_SOCKET", "/does/not/exist"}},
		{"no name to notify", nil, []string{"NOTIFY_SOCKET=nonsense"}, []string{"NOTIFY_SOCKET", "nonsense"}},
		{"no time", nil, []string{"WATCHDOG_USEC=soon"}, []string{"WATCHDOG_USEC", "soon"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			out, status := startWrongly(t, c.socket, c.variables)
			if status != 2 {
				t.Errorf("its exit status is %d", status)
			}
			for _, want := range c.says {
				if !strings.Contains(out, want) {
					t.Errorf("it does not say %q:\n%s", want, out)
				}
			}
		})
	}
}

// TestVariablesOfOthers: what was meant for the process that started this one counts for
// nothing.
func TestVariablesOfOthers(t *testing.T) {
	root := t.TempDir()
	cmd := exec.Command(ftpd, "--root", root, "--listen", "127.0.0.1:0")
	cmd.Env = append(os.Environ(), "LISTEN_FDS=1", "LISTEN_PID=1", "WATCHDOG_USEC=soon", "WATCHDOG_PID=1")
	put(t, dial(t, begin(t, root, cmd).address), "f", "content")
}

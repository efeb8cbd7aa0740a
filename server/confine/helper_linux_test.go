package confine

import (
	"encoding/json"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// What is confined is a process of its own: this test binary, built without cgo as the
// server is, and told by a variable what to do.
const helperVariable = "CONFINE_TEST_ORDER"

func TestMain(m *testing.M) {
	if text := os.Getenv(helperVariable); text != "" {
		os.Exit(helper(text))
	}
	os.Exit(withDirectory(m))
}

// binaries is where the helper is built.
var binaries string

func withDirectory(m *testing.M) int {
	dir, err := os.MkdirTemp("", "confine-test-")
	if err == nil {
		err = os.Chmod(dir, 0o755)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	binaries = dir
	return m.Run()
}

// order is what the helper is told: to enter a plan, and to try everything.
type order struct {
	Plan Plan
	Site site
}

// site is where it is tried.
type site struct {
	Inside, Outside string // directories
	Reloaded        string // a file
	Port            string // of a listening socket
	Abstract        string // another, in the abstract namespace
}

// outcome is what came of it.
type outcome struct {
	Error   string // of Enter
	Report  Report
	Threads []map[string]string // each attempt's error; empty where it succeeded
}

// workers are threads that ran before the process was confined.
const workers = 4

func helper(text string) int {
	var o order
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	result := outcome{Threads: make([]map[string]string, workers+1)}
	var ready, tried sync.WaitGroup
	entered, looked := make(chan struct{}), make(chan struct{})
	defer close(looked)
	try := func(i int, suffix string) {
		result.Threads[i] = tryAll(o.Site, suffix)
		tried.Done()
		<-looked // the thread ends with its goroutine
	}
	for i := range workers {
		ready.Add(1)
		tried.Add(1)
		go func() {
			runtime.LockOSThread()
			ready.Done()
			<-entered
			try(i, strconv.Itoa(i))
		}()
	}
	ready.Wait()
	var err error
	if result.Report, err = Enter(o.Plan); err != nil {
		result.Error = err.Error()
	}
	close(entered)
	tried.Wait()
	tried.Add(1)
	go func() {
		runtime.LockOSThread()
		try(workers, "new")
	}()
	tried.Wait()
	if err := json.NewEncoder(os.Stdout).Encode(result); err != nil {
		return 1
	}
	_, _ = io.Copy(io.Discard, os.Stdin) // until the test has looked at the threads
	return 0
}

// need is what an attempt takes.
type need int

const (
	nothing need = iota
	reading
	changing
	making // a device
	leaving
	reloading
	networking
	calling   // another program
	signaling // another process
	rooting
)

// attempt is one thing to try; suffix makes its names differ from those of other threads.
type attempt struct {
	name string
	need need
	do   func(s site, suffix string) error
}

var attempts = []attempt{
	{"read inside", reading, func(s site, _ string) error { return read(s.Inside + "/file") }},
	{"list inside", reading, func(s site, _ string) error { _, err := os.ReadDir(s.Inside); return err }},
	{"write inside", changing, func(s site, suffix string) error { return write(s.Inside + "/new" + suffix) }},
	{"mkdir inside", changing, func(s site, suffix string) error { return os.Mkdir(s.Inside+"/dir"+suffix, 0o700) }},
	{"rename inside", changing, func(s site, suffix string) error {
		return os.Rename(s.Inside+"/new"+suffix, s.Inside+"/sub/moved"+suffix)
	}},
	{"truncate inside", changing, func(s site, suffix string) error { return os.Truncate(s.Inside+"/sub/moved"+suffix, 0) }},
	{"link inside", changing, func(s site, suffix string) error {
		return os.Link(s.Inside+"/sub/moved"+suffix, s.Inside+"/linked"+suffix)
	}},
	{"remove inside", changing, func(s site, suffix string) error { return os.Remove(s.Inside + "/linked" + suffix) }},
	{"nameless file inside", changing, func(s site, suffix string) error { return nameless(s.Inside, s.Inside+"/sub/nameless"+suffix) }},
	{"fifo inside", changing, func(s site, suffix string) error { return unix.Mkfifo(s.Inside+"/fifo"+suffix, 0o600) }},
	{"device inside", making, func(s site, suffix string) error {
		return unix.Mknod(s.Inside+"/null"+suffix, unix.S_IFCHR|0o600, int(unix.Mkdev(1, 3)))
	}},

	{"read outside", leaving, func(s site, _ string) error { return read(s.Outside + "/file") }},
	{"read by a link", leaving, func(s site, _ string) error { return read(s.Inside + "/leads-out") }},
	{"list outside", leaving, func(s site, _ string) error { _, err := os.ReadDir(s.Outside); return err }},
	{"write outside", leaving, func(s site, suffix string) error { return write(s.Outside + "/new" + suffix) }},
	{"mkdir outside", leaving, func(s site, suffix string) error { return os.Mkdir(s.Outside+"/dir"+suffix, 0o700) }},
	{"truncate outside", leaving, func(s site, _ string) error { return os.Truncate(s.Outside+"/empty", 0) }},
	{"rename out", leaving, func(s site, suffix string) error {
		return os.Rename(s.Inside+"/out"+suffix, s.Outside+"/out"+suffix)
	}},
	{"rename in", leaving, func(s site, suffix string) error {
		return os.Rename(s.Outside+"/in"+suffix, s.Inside+"/in"+suffix)
	}},
	{"link in", leaving, func(s site, suffix string) error {
		return os.Link(s.Outside+"/file", s.Inside+"/stolen"+suffix)
	}},
	{"symbolic link outside", leaving, func(s site, suffix string) error { return os.Symlink("x", s.Outside+"/symlink"+suffix) }},
	{"remove outside", leaving, func(s site, suffix string) error { return os.Remove(s.Outside + "/victim" + suffix) }},
	{"nameless file outside", leaving, func(s site, suffix string) error { return nameless(s.Outside, s.Outside+"/nameless"+suffix) }},
	{"run a program", leaving, func(site, string) error { return exec.Command("/bin/true").Run() }},

	{"read again", reloading, func(s site, _ string) error { return read(s.Reloaded) }},
	{"read what replaces it", reloading, func(s site, _ string) error { return read(filepath.Dir(s.Reloaded) + "/v1/next") }},
	{"read what replaces the link to it", reloading, func(s site, _ string) error { return read(filepath.Dir(s.Reloaded) + "/next") }},
	{"write what is read again", leaving, func(s site, _ string) error { return write(s.Reloaded) }},

	{"bind", networking, func(site, string) error { return bind() }},
	{"connect", networking, func(s site, _ string) error { return closing(net.Dial("tcp", s.Port)) }},
	{"connect to an abstract socket", calling, func(s site, _ string) error { return closing(net.Dial("unix", s.Abstract)) }},
	{"signal another process", signaling, func(site, string) error { return unix.Kill(os.Getppid(), 0) }},
	{"signal a thread", nothing, func(site, string) error { return unix.Tgkill(os.Getpid(), os.Getpid(), 0) }},
	{"become root", rooting, func(site, string) error { return unix.Setresuid(0, 0, 0) }},
}

func tryAll(s site, suffix string) map[string]string {
	results := map[string]string{}
	for _, a := range attempts {
		results[a.name] = ""
		if err := a.do(s, suffix); err != nil {
			results[a.name] = err.Error()
		}
	}
	return results
}

func read(name string) error {
	_, err := os.ReadFile(name)
	return err
}

func write(name string) error {
	f, err := os.OpenFile(name, os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

func closing[T io.Closer](c T, err error) error {
	if err != nil {
		return err
	}
	return c.Close()
}

// bind uses plain TCP: Go's own preference is MPTCP, which Landlock leaves alone.
func bind() error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, unix.IPPROTO_TCP)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	return unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
}

// nameless makes a file without a name in dir and gives it one, as the server stores.
func nameless(dir, name string) error {
	fd, err := unix.Open(dir, unix.O_RDWR|unix.O_TMPFILE|unix.O_CLOEXEC, 0o600)
	if err != nil {
		return err
	}
	defer func() { _ = unix.Close(fd) }()
	return unix.Linkat(unix.AT_FDCWD, "/proc/self/fd/"+strconv.Itoa(fd), unix.AT_FDCWD, name, unix.AT_SYMLINK_FOLLOW)
}

// field returns one of a thread's status.
func field(status, name string) string {
	for line := range strings.Lines(status) {
		if key, value, _ := strings.Cut(line, ":"); key == name {
			return strings.Join(strings.Fields(value), " ")
		}
	}
	return "none"
}

//go:build unix

package server

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"

	"ftpd/client"
	"ftpd/selector"
)

// ftpd is the server's binary, built once.
var ftpd string

func TestMain(m *testing.M) {
	os.Exit(build(m))
}

func build(m *testing.M) int {
	dir, err := os.MkdirTemp("", "server-test-")
	if err == nil {
		ftpd = filepath.Join(dir, "ftpd")
		var printed []byte
		build := exec.Command("go", "build", "-o", ftpd, "./ftpd")
		build.Env = append(os.Environ(), "CGO_ENABLED=0") // as it is installed: one with cgo is not confined
		if printed, err = build.CombinedOutput(); err != nil {
			err = fmt.Errorf("build ftpd: %w\n%s", err, printed)
		}
		defer os.RemoveAll(dir)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	status := m.Run()
	if err := goleak.Find(); err != nil && status == 0 {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return status
}

// daemon is a running ftpd.
type daemon struct {
	t        testing.TB
	root     string
	address  string
	identity string // the line that tells it, inside TLS
	cmd      *exec.Cmd
	log      *logBuffer
	out      *bufio.Reader
	waited   sync.Once
	result   error
}

// logBuffer is standard error, readable while it is written.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// run starts ftpd on a directory and waits until it serves.
func run(t testing.TB, root string, flags ...string) *daemon {
	t.Helper()
	return begin(t, root, exec.Command(ftpd, append([]string{"--root", root, "--listen", "127.0.0.1:0"}, flags...)...))
}

// begin is run with a command of one's own.
func begin(t testing.TB, root string, command *exec.Cmd) *daemon {
	t.Helper()
	d := &daemon{t: t, root: root, log: &logBuffer{}, cmd: command}
	if allSecure && d.cmd.Env == nil {
		d.cmd.Env = append(os.Environ(), "FTPD_STATE_DIR="+filepath.Dir(ftpd))
	}
	d.cmd.Stderr = d.log
	out, err := d.cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := d.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = d.cmd.Process.Kill()
		_ = d.wait()
		if t.Failed() {
			t.Logf("the server's log:\n%.4000s", d.log)
		}
	})
	d.out = bufio.NewReader(out)
	line, err := d.out.ReadString('\n')
	if err != nil {
		_ = d.wait()
		t.Fatalf("the server did not start: %v\n%s", err, d.log)
	}
	if strings.HasPrefix(line, "ftpd: identity ") {
		d.identity = strings.TrimSpace(line)
		line, _ = d.out.ReadString('\n')
	}
	prefix := "ftpd: serving " + root + " on "
	if !strings.HasPrefix(line, prefix) {
		t.Fatalf("the server printed %q, not %q and its address", line, prefix)
	}
	d.address = strings.TrimSpace(line[len(prefix):])
	return d
}

// wait returns how the process ended.
func (d *daemon) wait() error {
	d.waited.Do(func() { d.result = d.cmd.Wait() })
	return d.result
}

func (d *daemon) signal(s os.Signal) {
	d.t.Helper()
	if err := d.cmd.Process.Signal(s); err != nil {
		d.t.Fatal(err)
	}
}

// status returns a field of what the system tells of the server's process.
func (d *daemon) status(field string) string {
	d.t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", d.cmd.Process.Pid))
	if err != nil {
		d.t.Skipf("this system does not tell of processes: %v", err)
	}
	for line := range strings.Lines(string(status)) {
		if name, value, _ := strings.Cut(line, ":"); name == field {
			return strings.TrimSpace(value)
		}
	}
	d.t.Fatalf("no field %s", field)
	return ""
}

func dial(t testing.TB, address string) *client.Client {
	t.Helper()
	c, err := client.Dial(t.Context(), address, dialing(client.Options{}))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// put stores content and get brings it back.
func put(t testing.TB, c *client.Client, path, content string) {
	t.Helper()
	if _, err := c.Put(t.Context(), path, strings.NewReader(content), nil); err != nil {
		t.Fatal(err)
	}
}

func get(t testing.TB, c *client.Client, path string) string {
	t.Helper()
	var b bytes.Buffer
	if _, err := c.Get(t.Context(), path, &b, nil); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

// eventually waits for a condition that another process or the loop brings
// about, at most ten seconds.
func eventually(t testing.TB, what string, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	deadline := time.After(10 * time.Second)
	for !condition() {
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("%s did not come about", what)
		}
	}
}

// litter returns what lies under root besides the names given, and the lock
// that a running server holds.
func litter(t testing.TB, root string, names ...string) []string {
	t.Helper()
	var found []string
	err := filepath.WalkDir(root, func(path string, entry os.DirEntry, err error) error {
		if errors.Is(err, os.ErrNotExist) {
			return nil // it went while we looked
		}
		if err != nil || entry.IsDir() {
			return err
		}
		name, err := filepath.Rel(root, path)
		if strings.HasPrefix(name, ".ftpd-staging") && strings.HasSuffix(name, ".lock") {
			return err
		}
		if !slices.Contains(names, name) {
			found = append(found, name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func TestServeAndStop(t *testing.T) {
	for _, kind := range selector.Kinds() {
		t.Run(kind.String(), func(t *testing.T) {
			d := run(t, t.TempDir(), "--selector", kind.String(), "--log-level", "debug")
			c := dial(t, d.address)
			content := strings.Repeat("0123456789abcdef", 1<<16)
			put(t, c, "dir/file", content)
			if get(t, c, "dir/file") != content {
				t.Error("what came back differs")
			}
			if _, err := c.Stat(t.Context(), "none"); !errors.Is(err, client.ErrNotFound) {
				t.Errorf("stat of nothing: %v", err)
			}
			_ = c.Close()
			d.signal(syscall.SIGTERM)
			if err := d.wait(); err != nil {
				t.Errorf("SIGTERM ended it with %v", err)
			}
			for _, want := range []string{"selector=" + kind.String(), "reason=bye", "op=PUT path=dir/file result=ok bytes=1048576", "result=not_found", "msg=stopped"} {
				if !strings.Contains(d.log.String(), want) {
					t.Errorf("the log does not say %q:\n%s", want, d.log)
				}
			}
			if left := litter(t, d.root, "dir/file"); len(left) > 0 {
				t.Errorf("litter: %v", left)
			}
			if entries, err := os.ReadDir(d.root); err != nil || len(entries) != 1 {
				t.Errorf("in the root are %v, %v", entries, err)
			}
		})
	}
}

// TestDrain stops the server while an upload is open: it finishes, nothing new
// is served, and the server ends with status 0.
func TestDrain(t *testing.T) {
	d := run(t, t.TempDir())
	c := dial(t, d.address)
	r, w := io.Pipe()
	done := make(chan error, 1)
	go func() {
		_, err := c.Put(context.Background(), "slow", r, nil)
		done <- err
	}()
	block := bytes.Repeat([]byte("x"), 600<<10)
	if _, err := w.Write(block); err != nil {
		t.Fatal(err)
	}
	d.signal(syscall.SIGINT)
	eventually(t, "the shutdown", func() bool { return strings.Contains(d.log.String(), "shutting down") })
	eventually(t, "the closing of the port", func() bool {
		other, err := client.Dial(t.Context(), d.address, dialing(client.Options{}))
		if err == nil {
			_ = other.Close()
		}
		return err != nil
	})
	if _, err := w.Write(block); err != nil {
		t.Fatal(err)
	}
	_ = w.Close()
	if err := <-done; err != nil {
		t.Errorf("the upload in flight: %v", err)
	}
	if err := d.wait(); err != nil {
		t.Errorf("the server ended with %v", err)
	}
	if info, err := os.Stat(filepath.Join(d.root, "slow")); err != nil || info.Size() != 1200<<10 {
		t.Errorf("stored: %v, %v", info, err)
	}
}

// TestSecondSignal ends a server that still waits for an upload.
func TestSecondSignal(t *testing.T) {
	d := run(t, t.TempDir())
	c := dial(t, d.address)
	r, w := io.Pipe()
	go func() { _, _ = c.Put(context.Background(), "slow", r, nil) }()
	if _, err := w.Write(make([]byte, 600<<10)); err != nil {
		t.Fatal(err)
	}
	d.signal(syscall.SIGTERM)
	eventually(t, "the shutdown", func() bool { return strings.Contains(d.log.String(), "shutting down") })
	d.signal(syscall.SIGTERM)
	if err := d.wait(); err == nil {
		t.Error("it drained all the same")
	}
	_ = w.Close()
	if left := litter(t, d.root); len(left) > 0 {
		run(t, d.root).signal(syscall.SIGTERM) // sweeps
		eventually(t, "the sweep", func() bool { return len(litter(t, d.root)) == 0 })
	}
}

func TestCommandLine(t *testing.T) {
	kinds, absent := "auto", selector.Kqueue.String()
	for _, kind := range selector.Kinds() {
		kinds += ", " + kind.String()
		if kind == selector.Kqueue {
			absent = selector.Epoll.String()
		}
	}
	for _, c := range []struct {
		name   string
		env    string
		args   []string
		status int
		says   []string
	}{
		{"other machines", "", []string{"--listen", "0.0.0.0:0"}, 2, []string{"ftpd: --listen: 0.0.0.0:0", "--tls", "--users FILE", "--insecure"}},
		{"all addresses", "", []string{"--listen", ":0"}, 2, []string{"[::]:0", "--insecure"}},
		{"no such root", "", []string{"--root", "/does/not/exist"}, 1, []string{"/does/not/exist", "no such"}},
		{"root is a file", "", []string{"--root", ftpd}, 1, []string{ftpd, "directory"}},
		{"bad address", "", []string{"--listen", "nonsense"}, 2, []string{"--listen", "nonsense", "HOST:PORT"}},
		{"no port", "", []string{"--listen", "127.0.0.1"}, 2, []string{"--listen", "HOST:PORT"}},
		{"empty port", "", []string{"--listen", "127.0.0.1:"}, 2, []string{"--listen", "HOST:PORT"}},
		{"no such port", "", []string{"--listen", "127.0.0.1:70000"}, 2, []string{"--listen", "70000", "65535"}},
		{"no such host", "", []string{"--listen", "no..host:0"}, 1, []string{"no..host"}},
		{"empty address", "", []string{"--listen", ""}, 2, []string{"--listen", "empty", "127.0.0.1:2120"}},
		{"empty root", "", []string{"--root", ""}, 2, []string{"--root", "empty"}},
		{"empty root after a variable", "FTPD_ROOT=x", []string{"--root="}, 2, []string{"ftpd: --root: "}},
		{"argument", "", []string{"share"}, 2, []string{"share", "--root DIR"}},
		{"unknown flag", "", []string{"--rot", "x"}, 2, []string{"--rot"}},
		{"bad selector", "", []string{"--selector", "magic"}, 2, []string{"--selector", "magic", kinds}},
		{"absent selector", "", []string{"--selector", absent, "--listen", "127.0.0.1:0"}, 2, []string{"--selector", absent, kinds}},
		{"bad durability", "", []string{"--durability", "maybe"}, 2, []string{"maybe", "commit or none"}},
		{"bad level", "", []string{"--log-level", "loud"}, 2, []string{"loud", "debug"}},
		{"bad format", "", []string{"--log-format", "xml"}, 2, []string{"xml", "json"}},
		{"bad duration", "", []string{"--idle-timeout", "soon"}, 2, []string{"idle-timeout", "soon"}},
		{"negative duration", "", []string{"--idle-timeout", "-1s"}, 2, []string{"idle-timeout", "negative"}},
		{"no clients", "", []string{"--max-clients", "0"}, 2, []string{"max-clients"}},
		{"environment", "FTPD_LOG_LEVEL=loud", nil, 2, []string{"ftpd: FTPD_LOG_LEVEL: ", "loud"}},
		{"selector of the environment", "FTPD_SELECTOR=magic", nil, 2, []string{"ftpd: FTPD_SELECTOR: ", "magic"}},
		{"durability of the environment", "FTPD_DURABILITY=maybe", nil, 2, []string{"ftpd: FTPD_DURABILITY: ", "maybe"}},
		{"format of the environment", "FTPD_LOG_FORMAT=xml", nil, 2, []string{"ftpd: FTPD_LOG_FORMAT: ", "xml"}},
		{"clients of the environment", "FTPD_MAX_CLIENTS=0", nil, 2, []string{"ftpd: FTPD_MAX_CLIENTS: "}},
		{"time of the environment", "FTPD_STALL_TIMEOUT=-1s", nil, 2, []string{"ftpd: FTPD_STALL_TIMEOUT: ", "negative"}},
		{"address of the environment", "FTPD_LISTEN=nonsense", nil, 2, []string{"ftpd: FTPD_LISTEN: ", "HOST:PORT"}},
		{"bool of the environment", "FTPD_READ_ONLY=yes", nil, 2, []string{"ftpd: FTPD_READ_ONLY: \"yes\"", "neither true nor false"}},
		{"flag before environment", "FTPD_LOG_LEVEL=loud", []string{"--log-level", "info", "--listen", "0.0.0.0:0"}, 2, []string{"--insecure"}},
		{"no such user", "", []string{"--user-id", "nobdy"}, 2, []string{"--user-id", "nobdy", "hint: "}},
		{"root as the user", "", []string{"--user-id", "0"}, 2, []string{"--user-id", "root", "hint: "}},
		{"a user without a group", "", []string{"--user-id", "4000123"}, 2, []string{"--user-id", "4000123", "hint: ", "--group-id"}},
		{"no such group", "", []string{"--user-id", "4000123", "--group-id", "nogroop"}, 2, []string{"ftpd: --group-id: ", "nogroop"}},
		{"a group without a user", "", []string{"--group-id", "12"}, 2, []string{"--group-id", "hint: ", "--user-id"}},
		{"bad confinement", "", []string{"--confine", "maybe"}, 2, []string{"--confine", "maybe", "auto, off or require"}},
		{"user of the environment", "FTPD_USER_ID=nobdy", nil, 2, []string{"ftpd: FTPD_USER_ID: ", "nobdy"}},
		{"version", "", []string{"--version"}, 0, []string{"ftpd"}},
		{"help", "", []string{"--help"}, 0, []string{"--root DIR", "FTPD_ROOT", "--drain-timeout"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute) // where it serves all the same
			defer cancel()
			cmd := exec.CommandContext(ctx, ftpd, c.args...)
			cmd.Env = append(os.Environ(), "FTPD_TLS=false", c.env) // the flags alone say what there is
			out, err := cmd.CombinedOutput()
			if status := cmd.ProcessState.ExitCode(); status != c.status {
				t.Errorf("status %d instead of %d: %v", status, c.status, err)
			}
			for _, want := range c.says {
				if !strings.Contains(string(out), want) {
					t.Errorf("it does not say %q:\n%s", want, out)
				}
			}
			if c.status != 0 && strings.Count("\n"+string(out), "\nftpd: ") != 1 {
				t.Errorf("it is not one error:\n%s", out)
			}
		})
	}
}

func TestPortInUse(t *testing.T) {
	d := run(t, t.TempDir())
	out, err := exec.Command(ftpd, "--root", t.TempDir(), "--listen", d.address).CombinedOutput()
	if err == nil || !strings.Contains(string(out), d.address) || !strings.Contains(string(out), "in use\nhint: is an ftpd running already? --listen 127.0.0.1:0") {
		t.Errorf("%v: %s", err, out)
	}
}

func TestReadOnly(t *testing.T) {
	d := run(t, t.TempDir(), "--read-only")
	if err := os.WriteFile(filepath.Join(d.root, "f"), []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
	c := dial(t, d.address)
	if !c.Server().ReadOnly {
		t.Error("the server does not say that it is read-only")
	}
	ctx := t.Context()
	_, putErr := c.Put(ctx, "g", strings.NewReader("y"), nil)
	for name, err := range map[string]error{
		"put":    putErr,
		"mkdir":  c.Mkdir(ctx, "d", 0),
		"remove": c.Remove(ctx, "f"),
		"rename": c.Rename(ctx, "f", "g", nil),
	} {
		if !errors.Is(err, client.ErrPermission) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if get(t, c, "f") != "x" {
		t.Error("it cannot be read")
	}
	if left := litter(t, d.root, "f"); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

package client

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"go.uber.org/goleak"
)

// ftpd is the server's binary, built once.
var ftpd string

func TestMain(m *testing.M) {
	os.Exit(run(m))
}

func run(m *testing.M) int {
	dir, err := os.MkdirTemp("", "client-test-")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	ftpd = filepath.Join(dir, "ftpd")
	build := exec.Command("go", "build", "-o", ftpd, "ftpd/server/ftpd")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // as it is installed: one with cgo is not confined
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "building the server: %v\n%s", err, out)
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
	root    string
	address string
	process *os.Process
	log     *bytes.Buffer
}

// serve starts ftpd on a new directory.
func serve(t testing.TB, flags ...string) *daemon {
	t.Helper()
	return serveDir(t, t.TempDir(), flags...)
}

func serveDir(t testing.TB, root string, flags ...string) *daemon {
	t.Helper()
	d := &daemon{root: root, log: new(bytes.Buffer)}
	cmd := exec.Command(ftpd, append([]string{"--root", root, "--listen", "127.0.0.1:0", "--durability", "none"}, flags...)...)
	cmd.Stderr = d.log
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	d.process = cmd.Process
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGKILL)
		_ = cmd.Wait()
		if t.Failed() {
			t.Logf("the server's log:\n%s", d.log)
		}
	})
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatalf("the server did not start: %v\n%s", err, d.log)
	}
	d.address = strings.TrimSpace(line[strings.LastIndex(line, " on ")+4:])
	return d
}

// dial connects a client that is closed with the test.
func connect(t testing.TB, address string, o *Options) *Client {
	t.Helper()
	c, err := Dial(context.Background(), address, o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	return c
}

// limit returns a context for calls that must not hang.
func limit(t testing.TB) context.Context {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	t.Cleanup(cancel)
	return ctx
}

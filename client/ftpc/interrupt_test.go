//go:build unix

package main

import (
	"bytes"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// serveTemp serves a new directory.
func serveTemp(t *testing.T) (root, address string) {
	t.Helper()
	root = t.TempDir()
	address, stop, err := startServer(root)
	check(t, err)
	t.Cleanup(func() {
		if err := stop(); err != nil {
			t.Error(err)
		}
	})
	return root, address
}

// stallAfter relays a connection to a server, but not more than so many bytes
// from it until they are released; it tells when it has come to that.
func stallAfter(t *testing.T, address string, most int64) (relay string, stalled <-chan struct{}, release func()) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	released, reached := make(chan struct{}), make(chan struct{})
	go func() {
		near, err := listener.Accept()
		if err != nil {
			return
		}
		defer near.Close()
		far, err := net.Dial("tcp", address)
		if err != nil {
			return
		}
		defer far.Close()
		go func() { _, _ = io.Copy(far, near) }()
		_, _ = io.CopyN(near, far, most)
		close(reached)
		<-released
		_, _ = io.Copy(near, far)
	}()
	return listener.Addr().String(), reached, sync.OnceFunc(func() { close(released) })
}

// interrupt sends SIGINT to a running ftpc and wants it to end as it should:
// soon, with one line and the status of an interrupted command.
func interrupt(t *testing.T, cmd *exec.Cmd, line string) {
	t.Helper()
	check(t, cmd.Process.Signal(os.Interrupt))
	_ = cmd.Wait() // what it returns is checked as the status
	if got := cmd.ProcessState.ExitCode(); got != int(statusInterrupted) {
		t.Errorf("status %d", got)
	}
	if got := cmd.Stderr.(*bytes.Buffer).String(); got != line {
		t.Errorf("standard error has %q, want %q", got, line)
	}
}

// wantNothing fails if a directory holds anything but the server's own.
func wantNothing(t *testing.T, dir string) {
	t.Helper()
	entries, err := os.ReadDir(dir)
	check(t, err)
	for _, e := range entries {
		if !strings.HasPrefix(e.Name(), ".ftpd-") {
			t.Errorf("%s holds %q", dir, e.Name())
		}
	}
}

func quietCommand(t *testing.T, address string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "ftpc", args...)
	cmd.Env = append(os.Environ(), "FTPC_SERVER="+address)
	cmd.Dir = t.TempDir()
	cmd.Stderr = new(bytes.Buffer)
	return cmd
}

// A put that is interrupted leaves nothing on the server.
func TestInterruptedPut(t *testing.T) {
	root, address := serveTemp(t)
	cmd := quietCommand(t, address, "put", "-", "endless")
	stdin, err := cmd.StdinPipe()
	check(t, err)
	check(t, cmd.Start())
	_, err = stdin.Write(make([]byte, 4<<20)) // more than pipe and read-ahead hold
	check(t, err)
	interrupt(t, cmd, "ftpc: put: interrupted\n")
	wantNothing(t, root)
}

// A get that is interrupted leaves nothing here.
func TestInterruptedGet(t *testing.T) {
	root, address := serveTemp(t)
	check(t, os.WriteFile(filepath.Join(root, "big"), make([]byte, 4<<20), 0o666))
	relay, stalled, release := stallAfter(t, address, 2<<20)
	defer release()
	cmd := quietCommand(t, relay, "get", "big")
	check(t, cmd.Start())
	<-stalled
	interrupt(t, cmd, "ftpc: get: interrupted\n")
	wantNothing(t, cmd.Dir)
}

// SIGTERM is no different.
func TestTerminatedGet(t *testing.T) {
	root, address := serveTemp(t)
	check(t, os.WriteFile(filepath.Join(root, "big"), make([]byte, 4<<20), 0o666))
	relay, stalled, release := stallAfter(t, address, 2<<20)
	defer release()
	cmd := quietCommand(t, relay, "get", "big", "-")
	check(t, cmd.Start())
	<-stalled
	check(t, cmd.Process.Signal(syscall.SIGTERM))
	_ = cmd.Wait() // what it returns is checked as the status
	if got := cmd.ProcessState.ExitCode(); got != int(statusInterrupted) {
		t.Errorf("status %d", got)
	}
}

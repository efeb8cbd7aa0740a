//go:build unix

package main

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
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
// soon, with what it says and the status of an interrupted command.
func interrupt(t *testing.T, cmd *exec.Cmd, says string) {
	t.Helper()
	check(t, cmd.Process.Signal(os.Interrupt))
	_ = cmd.Wait() // what it returns is checked as the status
	if got := cmd.ProcessState.ExitCode(); got != int(statusInterrupted) {
		t.Errorf("status %d", got)
	}
	if got := cmd.Stderr.(*bytes.Buffer).String(); got != says {
		t.Errorf("standard error has %q, want %q", got, says)
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

// waitForBlocks waits until a journal tells of so many blocks.
func waitForBlocks(t *testing.T, journal string, blocks int) {
	t.Helper()
	for deadline := time.Now().Add(time.Minute); ; runtime.Gosched() {
		b, err := os.ReadFile(journal)
		if err == nil && len(b) >= 10 {
			head := 10 + int(binary.BigEndian.Uint16(b[8:])) + 16
			if len(b) >= head+16*blocks {
				return
			}
		}
		if time.Now().After(deadline) {
			t.Fatalf("%s does not come to %d blocks: %v", journal, blocks, err)
		}
	}
}

// A get that is interrupted leaves what came, hidden, and the same command goes
// on with it.
func TestInterruptedGet(t *testing.T) {
	root, address := serveTemp(t)
	check(t, os.WriteFile(filepath.Join(root, "big"), make([]byte, 4<<20), 0o666))
	relay, stalled, release := stallAfter(t, address, 2<<20)
	defer release()
	cmd := quietCommand(t, relay, "get", "big")
	check(t, cmd.Start())
	<-stalled
	waitForBlocks(t, filepath.Join(cmd.Dir, ".big.ftpc-journal"), 7) // 2 MiB have no more, and frames around them
	interrupt(t, cmd, "ftpc: get big: interrupted\n"+
		"hint: run the same command again: it goes on behind the 1.8 MiB in .big.ftpc-part\n")
	again := exec.CommandContext(t.Context(), "ftpc", "get", "--json", "big")
	again.Env, again.Dir = append(os.Environ(), "FTPC_SERVER="+address), cmd.Dir
	if out, err := again.Output(); err != nil || strings.Contains(string(out), "resumed") {
		t.Errorf("from another address: %s, %v", out, err)
	}
	entries, err := os.ReadDir(cmd.Dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("%v are left, %v", entries, err)
	}
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

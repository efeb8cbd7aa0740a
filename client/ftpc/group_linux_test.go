package main

import (
	"bufio"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// Ctrl-C reaches the producer of a pipe as well, whose end is then no end of
// the file: what has the name stays, whole. The sizes are one write of the
// client and many.
func TestInterruptedPipeline(t *testing.T) {
	root, address := serveTemp(t)
	stored := filepath.Join(root, "backup")
	check(t, os.WriteFile(stored, []byte("the old one"), 0o666))
	for _, size := range []string{"5000", "700000"} {
		for range 10 {
			interruptPipeline(t, address, size)
			content, err := os.ReadFile(stored)
			check(t, err)
			if string(content) != "the old one" {
				t.Fatalf("of %s bytes and an interrupt, %d are stored", size, len(content))
			}
		}
	}
}

// interruptPipeline interrupts, as a terminal does, the process group of a
// producer that has not ended and of an ftpc that waits for more.
func interruptPipeline(t *testing.T, address, size string) {
	t.Helper()
	cmd := exec.CommandContext(t.Context(), "sh", "-c",
		"(head -c "+size+" /dev/zero; echo sent >&2; exec sleep 100) | sh -c 'echo $$ >&2; exec ftpc put - backup'")
	cmd.Env = append(os.Environ(), "FTPC_SERVER="+address)
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	stderr, write, err := os.Pipe()
	check(t, err)
	defer stderr.Close()
	cmd.Stderr = write
	check(t, cmd.Start())
	check(t, write.Close())
	watchdog := time.AfterFunc(time.Minute, func() { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) })
	defer watchdog.Stop()
	said := bufio.NewReader(stderr)
	pid := 0
	for range 2 { // in either order
		line, err := said.ReadString('\n')
		check(t, err)
		if line != "sent\n" {
			pid, err = strconv.Atoi(strings.TrimSpace(line))
			check(t, err)
		}
	}
	waitUntil(t, "the read", func() bool { return isConnected(pid) && inSystemCall(pid, syscall.SYS_READ, "0x0") })
	check(t, syscall.Kill(-cmd.Process.Pid, syscall.SIGINT))
	_, err = io.Copy(io.Discard, said) // to the end of the last of the group
	check(t, err)
	_ = cmd.Wait() // a signal ended it
}

// A server that is lost ends the put of a standard input that brings nothing.
func TestLostServerWhileReading(t *testing.T) {
	for _, sent := range []int{0, 1 << 20} {
		root := t.TempDir()
		server := exec.CommandContext(t.Context(), "ftpd", "--root", root, "--listen", "127.0.0.1:0")
		out, err := server.StdoutPipe()
		check(t, err)
		check(t, server.Start())
		line, err := bufio.NewReader(out).ReadString('\n')
		check(t, err)
		address := strings.TrimSpace(line[strings.LastIndex(line, " on ")+len(" on "):])
		cmd := quietCommand(t, address, "put", "-", "x")
		stdin, err := cmd.StdinPipe()
		check(t, err)
		check(t, cmd.Start())
		watch(t, cmd)
		_, err = stdin.Write(make([]byte, sent))
		check(t, err)
		waitUntil(t, "the read", func() bool {
			return isConnected(cmd.Process.Pid) && inSystemCall(cmd.Process.Pid, syscall.SYS_READ, "0x0")
		})
		check(t, server.Process.Kill())
		_ = server.Wait() // it was killed
		_ = cmd.Wait()    // what it returns is checked as the status
		if got := cmd.ProcessState.ExitCode(); got != int(statusNetwork) {
			t.Errorf("after %d bytes: status %d, %s", sent, got, cmd.Stderr)
		}
	}
}

package main

import (
	"bytes"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// waitUntil fails when something has not come about in a minute.
func waitUntil(t *testing.T, what string, done func() bool) {
	t.Helper()
	poll := time.NewTicker(time.Millisecond)
	defer poll.Stop()
	for limit := time.Now().Add(time.Minute); !done(); <-poll.C {
		if time.Now().After(limit) {
			t.Fatal("waited in vain for " + what)
		}
	}
}

// inSystemCall tells whether a process has a thread in a system call; the
// arguments that matter are as /proc writes them, "" is any.
func inSystemCall(pid int, call uintptr, arguments ...string) bool {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/syscall", pid))
	return slices.ContainsFunc(threads, func(thread string) bool {
		line, _ := os.ReadFile(thread) // empty where the thread has gone
		got := strings.Fields(string(line))
		if len(got) <= len(arguments) || got[0] != fmt.Sprint(call) {
			return false
		}
		for i, want := range arguments {
			if want != "" && got[i+1] != want {
				return false
			}
		}
		return true
	})
}

// isConnected tells whether a process has a socket; before that, what it opens
// is the runtime's.
func isConnected(pid int) bool {
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", pid))
	return slices.ContainsFunc(files, func(file string) bool {
		target, _ := os.Readlink(file)
		return strings.HasPrefix(target, "socket:")
	})
}

// awaitWrite waits until a command that was started is held up at a write to
// standard output.
func awaitWrite(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	watch(t, cmd)
	waitUntil(t, "the write", func() bool { return inSystemCall(cmd.Process.Pid, syscall.SYS_WRITE, "0x1") })
}

// awaitOpen waits until a command that was started is held up while it opens a
// file.
func awaitOpen(t *testing.T, cmd *exec.Cmd, flags int) {
	t.Helper()
	watch(t, cmd)
	mode := fmt.Sprintf("%#x", flags|syscall.O_CLOEXEC)
	waitUntil(t, "the open", func() bool {
		return isConnected(cmd.Process.Pid) && inSystemCall(cmd.Process.Pid, syscall.SYS_OPENAT, "", "", mode)
	})
}

// watch ends a command that nothing else ends.
func watch(t *testing.T, cmd *exec.Cmd) {
	watchdog := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
	t.Cleanup(func() { watchdog.Stop() })
}

// full returns the writing end of a pipe that nobody reads and that holds all
// it can.
func full(t *testing.T) *os.File {
	t.Helper()
	reader, writer, err := os.Pipe()
	check(t, err)
	t.Cleanup(func() { _, _ = reader.Close(), writer.Close() })
	raw, err := writer.SyscallConn()
	check(t, err)
	check(t, raw.Write(func(fd uintptr) bool { // which does not block, yet
		for err = nil; err == nil; {
			_, err = syscall.Write(int(fd), make([]byte, 4096))
		}
		return true
	}))
	if !errors.Is(err, syscall.EAGAIN) {
		t.Fatal(err)
	}
	return writer
}

// Nobody reads what an interrupted command writes.
func TestInterruptedWithoutReader(t *testing.T) {
	for _, command := range []string{"get big -", "ls", "get --json big"} {
		t.Run(command, func(t *testing.T) {
			root, address := serveTemp(t)
			check(t, os.WriteFile(filepath.Join(root, "big"), make([]byte, 4<<20), 0o666))
			cmd := quietCommand(t, address, strings.Fields(command)...)
			cmd.Stdout = full(t)
			check(t, cmd.Start())
			awaitWrite(t, cmd)
			interrupt(t, cmd, "ftpc: "+cmd.Args[1]+": interrupted\n")
		})
	}
}

// Nobody reads standard error either: it ends nevertheless.
func TestInterruptedWithoutAnyReader(t *testing.T) {
	root, address := serveTemp(t)
	check(t, os.WriteFile(filepath.Join(root, "big"), make([]byte, 4<<20), 0o666))
	cmd := quietCommand(t, address, "get", "big", "-")
	cmd.Stdout = full(t)
	cmd.Stderr = cmd.Stdout
	check(t, cmd.Start())
	awaitWrite(t, cmd)
	check(t, cmd.Process.Signal(os.Interrupt))
	_ = cmd.Wait() // what it returns is checked as the status
	if got := cmd.ProcessState.ExitCode(); got != int(statusInterrupted) {
		t.Errorf("status %d", got)
	}
}

// A named pipe opens only when there is somebody at its other end.
func TestInterruptedAtNamedPipe(t *testing.T) {
	for command, flags := range map[string]int{
		"get small pipe":  os.O_WRONLY,
		"put pipe new":    os.O_RDONLY,
		"put pipe -d new": os.O_RDONLY,
	} {
		t.Run(command, func(t *testing.T) {
			root, address := serveTemp(t)
			cmd := quietCommand(t, address, strings.Fields(command)...)
			check(t, os.WriteFile(filepath.Join(root, "small"), []byte("x"), 0o666))
			pipe := filepath.Join(cmd.Dir, "pipe")
			check(t, syscall.Mkfifo(pipe, 0o666))
			check(t, cmd.Start())
			awaitOpen(t, cmd, flags)
			interrupt(t, cmd, "ftpc: "+cmd.Args[1]+": interrupted\n")
			if info, err := os.Lstat(pipe); err != nil || info.Mode().Type() != os.ModeNamedPipe {
				t.Errorf("the pipe is %v now, %v", info, err)
			}
			check(t, os.Remove(pipe))
			wantNothing(t, cmd.Dir)
			check(t, os.Remove(filepath.Join(root, "small")))
			wantNothing(t, root)
		})
	}
}

// What was printed before stays whole, and the command's name needs no lock
// that is held.
func TestLeave(t *testing.T) {
	var stderr bytes.Buffer
	c := &console{stderr: &stderr}
	c.begin("get")
	c.lock()
	defer c.unlock()
	if !c.isHeld() {
		t.Error("it is not held")
	}
	c.leave()
	if got, want := stderr.String(), "ftpc: get: interrupted\n"; got != want {
		t.Errorf("%q, want %q", got, want)
	}
}

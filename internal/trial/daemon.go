//go:build unix

package trial

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
	"strings"
	"syscall"
	"time"
)

// Daemon is a process that runs until it is stopped.
type Daemon struct {
	cmd     *exec.Cmd
	printed bytes.Buffer // standard error; to be read when the process has ended
}

// newDaemon takes no context: whoever starts a daemon stops it.
func newDaemon(name string, args ...string) *Daemon {
	d := &Daemon{cmd: Command(context.Background(), name, args...)}
	d.cmd.Stderr = &d.printed
	return d
}

// StartDaemon starts a program that serves until Stop.
func StartDaemon(name string, args ...string) (*Daemon, error) {
	d := newDaemon(name, args...)
	return d, d.cmd.Start()
}

// PID returns the number of the process.
func (d *Daemon) PID() int { return d.cmd.Process.Pid }

// Stop sends SIGTERM and waits for the end, half a minute at most. It returns
// the processor time as Usage.CPU has it; the error is an *exec.ExitError
// where the status is not 0.
func (d *Daemon) Stop() (time.Duration, error) {
	signalErr := d.cmd.Process.Signal(syscall.SIGTERM)
	defer d.killAfter(patience).Stop()
	if err := errors.Join(d.cmd.Wait(), signalErr); err != nil {
		return cpu(d.cmd), fmt.Errorf("%s: %w %s", filepath.Base(d.cmd.Path), err, bytes.TrimSpace(d.printed.Bytes()))
	}
	return cpu(d.cmd), nil
}

// Kill ends the process with SIGKILL, which leaves it no time for anything, and waits
// for that. One that has ended already stays ended.
func (d *Daemon) Kill() {
	_ = d.cmd.Process.Kill() // it may have ended
	_ = d.cmd.Wait()         // the status is that of the signal
}

// Signal sends a signal and waits for nothing.
func (d *Daemon) Signal(signal os.Signal) error { return d.cmd.Process.Signal(signal) }

// Pid returns the number of the process.
func (d *Daemon) Pid() int { return d.cmd.Process.Pid }

// Printed returns what the process wrote to standard error. It is called after Stop
// or Kill.
func (d *Daemon) Printed() string { return d.printed.String() }

// killAfter ends the process when the time is up, unless the timer is stopped.
func (d *Daemon) killAfter(wait time.Duration) *time.Timer {
	return time.AfterFunc(wait, func() {
		_ = d.cmd.Process.Kill() // fails when it has ended, which is what is wanted
	})
}

// Server is an ftpd on a free port of this machine.
type Server struct {
	*Daemon
	Address string // HOST:PORT
}

// StartServer runs the ftpd of the directory bin and returns when it serves root.
func StartServer(bin, root string, flags ...string) (*Server, error) {
	flags = append([]string{"--root", root, "--listen", "127.0.0.1:0", "--log-level", "warn"}, flags...)
	d := newDaemon(filepath.Join(bin, "ftpd"), flags...)
	stdout, err := d.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := d.cmd.Start(); err != nil {
		return nil, err
	}
	address, err := d.ready(stdout)
	if err != nil {
		_, stopErr := d.Stop()
		return nil, errors.Join(err, stopErr)
	}
	return &Server{Daemon: d, Address: address}, nil
}

// ready reads the line that says where the server listens: behind the last
// space, whatever the name of the directory holds. Inside TLS it is the second one.
func (d *Daemon) ready(stdout io.Reader) (string, error) {
	defer d.killAfter(patience).Stop()
	lines := bufio.NewReader(stdout)
	line, err := lines.ReadString('\n')
	if strings.HasPrefix(line, "ftpd: identity ") {
		line, err = lines.ReadString('\n')
	}
	if err != nil {
		return "", errors.New("ftpd did not say that it serves")
	}
	return strings.TrimSpace(line[strings.LastIndexByte(line, ' ')+1:]), nil
}

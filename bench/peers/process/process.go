//go:build linux

// Package process runs programs that end with this one, and says how much
// processor time they took.
package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// patience is how long a process may take for what should take it no time.
const patience = 20 * time.Second

// unwinding is how long an interrupted client may take to clean up.
const unwinding = 5 * time.Second

// A Command is a command line and what it is to find in its surroundings.
type Command struct {
	Line []string // the program first
	Env  []string // NAME=VALUE, besides the environment of this process
	// Workers is how many processes a server has started when it is ready.
	Workers int
}

// Usage is what a process took.
type Usage struct {
	Wall time.Duration // from its start to its end
	CPU  time.Duration // user and system, with the children it waited for
}

// Run runs a command to its end. A cancelled context interrupts it, as Ctrl-C
// would, and kills it when that does not help. The error holds what the command
// printed to standard error.
func Run(ctx context.Context, c Command) (Usage, error) {
	var printed bytes.Buffer
	cmd := exec.CommandContext(ctx, c.Line[0], c.Line[1:]...)
	c.prepare(cmd, syscall.SIGKILL)
	cmd.Stderr = &printed
	cmd.Cancel = func() error { return signalGroup(cmd, syscall.SIGINT) }
	cmd.WaitDelay = unwinding
	begun := time.Now()
	err := cmd.Run()
	usage := Usage{Wall: time.Since(begun)}
	if cmd.ProcessState != nil {
		usage.CPU = cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	}
	if err != nil {
		_ = signalGroup(cmd, syscall.SIGKILL) // fails when nothing is left, which is what is wanted
		err = described(cmd, err, &printed)
	}
	return usage, err
}

// prepare makes the kernel end the process when this one ends, however that
// comes about. The signal is sent when the thread that started the process ends
// (PR_SET_PDEATHSIG(2const)); the runtime keeps its threads, unless a goroutine
// ends that is locked to one, and there is none here. A group of its own keeps a
// Ctrl-C away, which is meant for this process: it ends the others.
func (c Command) prepare(cmd *exec.Cmd, atDeath syscall.Signal) {
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: atDeath, Setpgid: true}
	for _, setting := range os.Environ() {
		// A user's settings for the product are not part of what is measured.
		if !strings.HasPrefix(setting, "FTPC_") && !strings.HasPrefix(setting, "FTPD_") {
			cmd.Env = append(cmd.Env, setting)
		}
	}
	cmd.Env = append(cmd.Env, c.Env...)
}

func signalGroup(cmd *exec.Cmd, signal syscall.Signal) error {
	if cmd.Process == nil {
		return os.ErrProcessDone
	}
	err := syscall.Kill(-cmd.Process.Pid, signal)
	if errors.Is(err, syscall.ESRCH) {
		return os.ErrProcessDone
	}
	return err
}

// printedMax is as much of what a program printed as an error repeats.
const printedMax = 400

func described(cmd *exec.Cmd, err error, printed *bytes.Buffer) error {
	text := bytes.TrimSpace(printed.Bytes())
	if len(text) > printedMax {
		text = append(bytes.Clone(text[:printedMax]), " ..."...)
	}
	if len(text) == 0 {
		return fmt.Errorf("%s: %w", filepath.Base(cmd.Path), err)
	}
	return fmt.Errorf("%s: %w: %s", filepath.Base(cmd.Path), err, text)
}

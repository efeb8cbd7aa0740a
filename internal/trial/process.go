//go:build unix

package trial

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// patience is how long a process may take for what should take it no time.
const patience = 30 * time.Second

// Usage is what a process took.
type Usage struct {
	Wall time.Duration // from its start to its end
	CPU  time.Duration // user and system, with the children it waited for
}

// Command returns a command that a cancelled context interrupts, as Ctrl-C
// would, and kills when it has not ended after half a minute. A Ctrl-C meant
// for this process does not reach it by itself, nor do this user's settings
// for ftpd and ftpc.
func Command(ctx context.Context, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, name, args...)
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = patience
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	for _, setting := range os.Environ() {
		if !strings.HasPrefix(setting, "FTPC_") && !strings.HasPrefix(setting, "FTPD_") {
			cmd.Env = append(cmd.Env, setting)
		}
	}
	return cmd
}

// Run runs a command to its end. The error holds what the command printed to
// standard error.
func Run(cmd *exec.Cmd) (Usage, error) {
	var printed bytes.Buffer
	cmd.Stderr = &printed
	begun := time.Now()
	err := cmd.Run()
	usage := Usage{Wall: time.Since(begun), CPU: cpu(cmd)}
	if err != nil {
		err = fmt.Errorf("%s: %w %s", filepath.Base(cmd.Path), err, bytes.TrimSpace(printed.Bytes()))
	}
	return usage, err
}

func cpu(cmd *exec.Cmd) time.Duration {
	if cmd.ProcessState == nil {
		return 0 // it never started
	}
	return cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
}

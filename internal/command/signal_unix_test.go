//go:build unix

package command

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"syscall"
	"testing"
	"time"
)

// TestMain is also a program that does not end by a cancelled context.
func TestMain(m *testing.M) {
	if os.Getenv("STUBBORN") == "" {
		os.Exit(m.Run())
	}
	ctx, _ := Interruptible(context.Background())
	fmt.Println("ready")
	<-ctx.Done()
	fmt.Println("cancelled")
	_, _ = os.Stdin.Read(make([]byte, 1)) // for ever
}

// The first signal cancels, whichever it is; the second kills.
func TestSecondSignalKills(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGINT, syscall.SIGTERM} {
		cmd := exec.CommandContext(t.Context(), os.Args[0])
		cmd.Env = append(os.Environ(), "STUBBORN=1")
		stdin, err := cmd.StdinPipe()
		if err != nil {
			t.Fatal(err)
		}
		defer stdin.Close()
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		watchdog := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
		defer watchdog.Stop()
		lines := bufio.NewScanner(out)
		for _, want := range []string{"ready", "cancelled"} {
			if !lines.Scan() || lines.Text() != want {
				t.Fatalf("it said %q, not %q", lines.Text(), want)
			}
			_ = cmd.Process.Signal(s) // fails only where it is gone, which Wait tells
		}
		_ = cmd.Wait() // what it returns is checked as the signal
		if status := cmd.ProcessState.Sys().(syscall.WaitStatus); !status.Signaled() || status.Signal() != s {
			t.Errorf("ended with %v", cmd.ProcessState)
		}
	}
}

//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"syscall"
	"time"

	"ftpd/bench/iomodels/load"
	"ftpd/bench/iomodels/models"
)

// patience is how long a child process may take for what should take no time.
const patience = 20 * time.Second

// child is this program in another role.
type child struct {
	cmd     *exec.Cmd
	printed bytes.Buffer // standard error; to be read when the process has ended
}

// newChild prepares a process that ends with this one, however this one ends.
// The kernel sends the signal when the thread that started the process ends
// (PR_SET_PDEATHSIG(2const)); the runtime keeps its threads, unless a goroutine
// ends that is locked to one, and there is none here.
func newChild(ctx context.Context, args ...string) (*child, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("find this program: %w", err)
	}
	c := &child{cmd: exec.CommandContext(ctx, self, args...)}
	c.cmd.Stderr = &c.printed
	// A Ctrl-C is meant for this process, which ends the others.
	c.cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	c.cmd.WaitDelay = patience
	return c, nil
}

// failure adds to err what the process printed, once it has ended.
func (c *child) failure(err error) error {
	if text := bytes.TrimSpace(c.printed.Bytes()); len(text) > 0 {
		return fmt.Errorf("%s: %w: %s", strings.Join(c.cmd.Args[1:], " "), err, text)
	}
	return fmt.Errorf("%s: %w", strings.Join(c.cmd.Args[1:], " "), err)
}

// kill ends the process, and tells if it had ended before, or said anything that
// was not expected.
func (c *child) kill() error {
	_ = c.cmd.Process.Kill() // fails when it has ended, which Wait tells
	err := c.cmd.Wait()
	status, ok := c.cmd.ProcessState.Sys().(syscall.WaitStatus)
	if ok && status.Signaled() && status.Signal() == syscall.SIGKILL && c.printed.Len() == 0 {
		return nil
	}
	return c.failure(errors.Join(errors.New("ended by itself"), err))
}

// A server is a child that serves.
type server struct {
	*child
	address string
	lines   *bufio.Scanner
	mu      sync.Mutex
	notes   []string
	drained chan struct{} // closed when its output has ended
}

// startServer starts a model and returns when it listens.
func startServer(ctx context.Context, model string) (*server, error) {
	c, err := newChild(ctx, asServer, model)
	if err != nil {
		return nil, err
	}
	stdout, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("server: %w", err)
	}
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("server: %w", err)
	}
	s := &server{child: c, lines: bufio.NewScanner(stdout), drained: make(chan struct{})}
	if !s.lines.Scan() || !strings.HasPrefix(s.lines.Text(), saysAddress) {
		return nil, s.kill()
	}
	s.address = strings.TrimPrefix(s.lines.Text(), saysAddress)
	go s.listen()
	return s, nil
}

// listen keeps what the server says while it serves.
func (s *server) listen() {
	defer close(s.drained)
	for s.lines.Scan() {
		s.mu.Lock()
		s.notes = append(s.notes, s.lines.Text())
		s.mu.Unlock()
	}
}

// note returns the first thing of its kind that the server said, or "".
func (s *server) note(begin string) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, n := range s.notes {
		if text, ok := strings.CutPrefix(n, begin); ok {
			return text
		}
	}
	return ""
}

// stop ends the server. One that ended before, since its model is not available
// here, has said so.
func (s *server) stop() error {
	_ = s.cmd.Process.Kill() // fails when it has ended, which kill tells
	<-s.drained
	err := s.kill()
	if why := s.note(saysUnavailable); strings.HasPrefix(why, models.ErrUnavailable.Error()) {
		return fmt.Errorf("%w: %s", models.ErrUnavailable, strings.TrimPrefix(why, models.ErrUnavailable.Error()+": "))
	}
	return err
}

// A generator is a child that makes load.
type generator struct {
	*child
	commands io.WriteCloser
	reports  *json.Decoder
}

func startGenerator(ctx context.Context, address string) (*generator, error) {
	c, err := newChild(ctx, asGenerator, address)
	if err != nil {
		return nil, err
	}
	stdin, err := c.cmd.StdinPipe()
	if err != nil {
		return nil, fmt.Errorf("generator: %w", err)
	}
	stdout, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("generator: %w", err)
	}
	if err := c.cmd.Start(); err != nil {
		return nil, fmt.Errorf("generator: %w", err)
	}
	return &generator{child: c, commands: stdin, reports: json.NewDecoder(stdout)}, nil
}

// do gives a command and waits for its report.
func (g *generator) do(c load.Command) (load.Report, error) {
	var r load.Report
	if err := json.NewEncoder(g.commands).Encode(c); err != nil {
		return r, fmt.Errorf("generator: %w", err)
	}
	overdue := time.AfterFunc(patience+c.Warm+c.Measure, func() {
		_ = g.cmd.Process.Kill() // fails when it has ended, which Decode tells
	})
	defer overdue.Stop()
	if err := g.reports.Decode(&r); err != nil {
		return r, fmt.Errorf("generator: %w", err)
	}
	if r.Failed != "" {
		return r, fmt.Errorf("generator: %s", r.Failed)
	}
	return r, nil
}

// stop lets the generator reset its connections and end.
func (g *generator) stop() error {
	overdue := time.AfterFunc(patience, func() {
		_ = g.cmd.Process.Kill() // fails when it has ended, which Wait tells
	})
	defer overdue.Stop()
	if err := errors.Join(g.commands.Close(), g.cmd.Wait()); err != nil {
		return g.failure(err)
	}
	return nil
}

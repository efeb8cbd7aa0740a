package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"ftpd/client"
	"ftpd/internal/command"
)

// console is standard output and standard error, kept from garbling each
// other: a bar is taken off the screen before anything else appears there.
// Its methods may be called from any goroutine.
type console struct {
	mu       sync.Mutex
	stdout   *bufio.Writer // flushed before errors and at the end
	stderr   io.Writer
	outFile  *os.File // what is under stdout
	errFile  *os.File // what is under stderr
	escape   bool     // stdout is a terminal
	outError error    // the first error of stdout
	bar      bar      // what is on the terminal's last line; nil when there is nothing
	hinted   map[string]bool
	noted    map[string]bool

	setting // of the command that runs, for its errors

	running atomic.Pointer[string] // setting.command, for leave
	held    atomic.Int32           // how many are where somebody else can hold them up
}

// bar is something on the last line of the terminal that can be taken off; its
// owner puts it there again in time.
type bar interface{ clear() }

const standardOutput = "standard output"

func newConsole(stdout, stderr *os.File) *console {
	return &console{
		stdout:  bufio.NewWriterSize(stdout, 64<<10),
		stderr:  stderr,
		outFile: stdout,
		errFile: stderr,
		escape:  isTerminal(stdout),
		hinted:  make(map[string]bool),
		noted:   make(map[string]bool),
	}
}

// begin names the command that runs.
func (c *console) begin(name string) {
	c.command = name
	c.running.Store(&name)
}

// hold is called before what somebody else can hold up for ever, and nothing
// call off: the other end of a pipe, or who looks at a terminal. What it
// returns is called afterwards.
func (c *console) hold() (over func()) {
	c.held.Add(1)
	return func() { c.held.Add(-1) }
}

// isHeld tells whether somebody is where they can be held up.
func (c *console) isHeld() bool { return c.held.Load() > 0 }

// lock is for whoever writes: its holder can be held up by who reads.
func (c *console) lock() {
	c.mu.Lock()
	c.held.Add(1)
}

func (c *console) unlock() {
	c.held.Add(-1)
	c.mu.Unlock()
}

// name returns a name as standard output should have it.
func (c *console) name(s string) string {
	if c.escape {
		return visible(s)
	}
	return s
}

// printf writes to standard output. What goes wrong is kept for finish.
func (c *console) printf(format string, args ...any) {
	c.lock()
	defer c.unlock()
	if c.escape {
		c.clearBar() // it is on the same screen
	}
	_, err := fmt.Fprintf(c.stdout, format, args...)
	c.keep(err)
}

// flush hands on what printf wrote.
func (c *console) flush() {
	c.lock()
	defer c.unlock()
	if c.escape && c.stdout.Buffered() > 0 {
		c.clearBar() // it may have been drawn again since
	}
	c.keep(c.stdout.Flush())
}

// fail prints an error and its hint.
func (c *console) fail(err error) {
	c.lock()
	defer c.unlock()
	c.clearBar()
	c.keep(c.stdout.Flush())
	m := c.explain(err)
	_, _ = fmt.Fprintf(c.stderr, "%s: %s\n", c.subject(err, m.name), m.text)
	if m.hint != "" && !c.hinted[m.hint] {
		c.hinted[m.hint] = true
		_, _ = fmt.Fprintf(c.stderr, "hint: %s\n", m.hint)
	}
}

// subject is the beginning of an error line: program, command, name.
func (c *console) subject(err error, name string) string {
	subject := "ftpc"
	cmd := c.command
	if usage, ok := errors.AsType[*command.UsageError](err); ok {
		cmd = usage.Command
	}
	if cmd == "" {
		return subject
	}
	subject += ": " + cmd
	if name != "" {
		subject += " " + visible(name)
	}
	return subject
}

// finish prints a command's error, if it was not printed yet, and returns the
// exit status.
func (c *console) finish(err error) status {
	c.flush()
	if err == nil && c.outError != nil {
		err = c.outError
	}
	if err != nil && !brokenPipe(err) {
		c.fail(err)
	}
	return statusOf(err)
}

// leave prints the last line of an interrupted command that is held up, by
// which the console itself may be: it does without what it cannot have soon.
func (c *console) leave() {
	const moment = 100 * time.Millisecond
	locked, said := make(chan struct{}), make(chan struct{})
	go func() {
		c.mu.Lock() // for ever: nothing is drawn any more
		close(locked)
	}()
	go func() {
		defer close(said)
		select {
		case <-locked:
			c.clearBar()
		case <-time.After(moment):
		}
		subject := "ftpc"
		if running := c.running.Load(); running != nil {
			subject += ": " + *running
		}
		_, _ = fmt.Fprintf(c.stderr, "%s: interrupted\n", subject)
	}()
	select {
	case <-said:
	case <-time.After(2 * moment):
	}
}

// keep remembers the first error of standard output.
func (c *console) keep(err error) {
	if err != nil && c.outError == nil {
		c.outError = &client.LocalError{Op: "write", Path: standardOutput, Err: err}
	}
}

// clearBar takes the bar off the screen; c.mu is held by the caller, because
// the bar's owner draws it under the same lock.
func (c *console) clearBar() {
	if c.bar != nil {
		c.bar.clear()
	}
}

// noteOnce is note for what need not be said twice.
func (c *console) noteOnce(text string) {
	c.lock()
	said := c.noted[text]
	c.noted[text] = true
	c.unlock()
	if !said {
		c.note("", text)
	}
}

// note prints something about a name that is no error.
func (c *console) note(name, text string) {
	c.lock()
	defer c.unlock()
	c.clearBar()
	_, _ = fmt.Fprintf(c.stderr, "%s: %s\n", c.subject(nil, name), text)
}

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"os"
	"sync"

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

	setting // of the command that runs, for its errors
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
	}
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
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.escape {
		c.clearBar() // it is on the same screen
	}
	_, err := fmt.Fprintf(c.stdout, format, args...)
	c.keep(err)
}

// flush hands on what printf wrote.
func (c *console) flush() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.keep(c.stdout.Flush())
}

// fail prints an error and its hint.
func (c *console) fail(err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
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

// note prints something about a name that is no error.
func (c *console) note(name, text string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.clearBar()
	_, _ = fmt.Fprintf(c.stderr, "%s: %s\n", c.subject(nil, name), text)
}

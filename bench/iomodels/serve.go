//go:build linux

package main

import (
	"fmt"
	"io"
	"strings"

	"ftpd/bench/iomodels/models"

	"golang.org/x/sys/unix"
)

// What a server process prints begins with one of these, a line each.
const (
	saysAddress     = "listening "
	saysNote        = "note "
	saysUnavailable = "unavailable "
)

// serve is a server process. It runs until it is killed.
func serve(name string, stdout io.Writer) error {
	m, ok := models.Find(name)
	if !ok {
		return fmt.Errorf("no model %q", name)
	}
	if err := raiseFiles(); err != nil {
		return err
	}
	listener, address, err := models.Listen()
	if err != nil {
		return err
	}
	say := func(begin, format string, args ...any) {
		// Whoever started this process reads the line, or has ended.
		_, _ = fmt.Fprintln(stdout, begin+strings.ReplaceAll(fmt.Sprintf(format, args...), "\n", " "))
	}
	say(saysAddress, "%s", address)
	err = m.Serve(models.Server{
		Listener: listener,
		Handle:   models.Heavy(heavyDelay),
		Note:     func(format string, args ...any) { say(saysNote, format, args...) },
	})
	say(saysUnavailable, "%v", err)
	return err
}

// raiseFiles lets this process open as many files as it may.
func raiseFiles() error {
	limit := unix.Rlimit{}
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("getrlimit: %w", err)
	}
	limit.Cur = limit.Max
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("setrlimit: %w", err)
	}
	return nil
}

//go:build linux

package main

import (
	"fmt"
	"time"

	"golang.org/x/sys/unix"

	"ftpd/bench/machine"
)

// filesWanted is what a server of 10,000 idle and 128 active connections opens,
// and some of its own.
const filesWanted = 10_200

// prepare raises the limits that the children inherit.
func (m *measurement) prepare() error {
	if err := raiseFiles(); err != nil {
		return err
	}
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("getrlimit: %w", err)
	}
	if limit.Cur < filesWanted {
		m.notes.Printf("no more than %d files may be open here: 10,000 connections cannot be reached (ulimit -Hn)", limit.Cur)
	}
	return nil
}

// described says what it was measured on, and how.
func described(p plan, rounds int, took time.Duration) string {
	return fmt.Sprintf("%s; %d rounds in turns, medians, %s each; %s in all",
		machine.Describe(), rounds, p.measure, took.Round(time.Second))
}

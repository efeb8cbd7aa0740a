//go:build linux

package main

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"strings"
	"time"

	"golang.org/x/sys/unix"
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

// machine describes what it was measured on, and how.
func machine(p plan, rounds int, took time.Duration) string {
	var system unix.Utsname
	release := "unknown"
	if unix.Uname(&system) == nil {
		release = unix.ByteSliceToString(system.Release[:])
	}
	return fmt.Sprintf("%s, %d processors; Linux %s; %s %s/%s; %d rounds in turns, medians, %s each; %s in all",
		processor(), runtime.NumCPU(), release, runtime.Version(), runtime.GOOS, runtime.GOARCH,
		rounds, p.measure, took.Round(time.Second))
}

// processor names the model of the processors.
func processor() string {
	text, err := os.ReadFile("/proc/cpuinfo")
	if err != nil {
		return "unknown processor"
	}
	for line := range bytes.Lines(text) {
		if name, value, ok := strings.Cut(string(line), ":"); ok && strings.TrimSpace(name) == "model name" {
			return strings.TrimSpace(value)
		}
	}
	return "unknown processor"
}

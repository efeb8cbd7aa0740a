//go:build unix

package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"
)

// memory is what a server held, as Linux tells (proc(5)); elsewhere it is zeros.
type memory struct {
	before, after usage
	peak          int64 // resident memory, in bytes
}

// usage is what a process holds.
type usage struct {
	resident    int64 // bytes
	descriptors int
}

const (
	// moreResident is how much more resident memory a server may have after a part than
	// before: what the collector of garbage has not given back to the system.
	moreResident = 48 << 20
	// settling is how long descriptors may stay open after the last client.
	settling = 20 * time.Second
)

// givesBack does something with a server that is warm, and looks whether it then holds
// no more than before.
func (w *world) givesBack(do func() error) error {
	m := &memory{}
	w.row.memory = m
	m.before, _ = usageOf(w.server.Pid())
	if err := do(); err != nil {
		return err
	}
	for until := time.Now().Add(settling); ; time.Sleep(100 * time.Millisecond) {
		m.after, m.peak = usageOf(w.server.Pid())
		if m.after.descriptors <= m.before.descriptors || time.Now().After(until) {
			break
		}
	}
	switch {
	case m.after.descriptors > m.before.descriptors:
		return fmt.Errorf("descriptors are left open: %s", m)
	case m.after.resident > m.before.resident+moreResident:
		return fmt.Errorf("memory is not given back: %s", m)
	}
	return nil
}

func (m *memory) String() string {
	const mib = 1 << 20
	return fmt.Sprintf("%d MiB resident at most, %d before and %d after, %d descriptors before and %d after",
		m.peak/mib, m.before.resident/mib, m.after.resident/mib, m.before.descriptors, m.after.descriptors)
}

// usageOf returns what a process holds, and the most resident memory that it had.
func usageOf(pid int) (now usage, peak int64) {
	dir := filepath.Join("/proc", strconv.Itoa(pid))
	status, err := os.ReadFile(filepath.Join(dir, "status"))
	if err != nil {
		return usage{}, 0
	}
	for line := range strings.Lines(string(status)) {
		fields := strings.Fields(line)
		if len(fields) < 2 {
			continue
		}
		kibibytes, _ := strconv.ParseInt(fields[1], 10, 64) // the lines below have a number
		switch fields[0] {
		case "VmRSS:":
			now.resident = kibibytes << 10
		case "VmHWM:":
			peak = kibibytes << 10
		}
	}
	entries, _ := os.ReadDir(filepath.Join(dir, "fd")) // none where that cannot be read
	now.descriptors = len(entries)
	return now, peak
}

//go:build linux

// Package proc reads what the kernel knows of another process: processor time,
// memory, threads, and how often it called and slept.
package proc

import (
	"bytes"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// CPU returns the processor time of all threads of a process since its start,
// user and system, in nanoseconds from its own clock (clock_getcpuclockid(3)):
// /proc/PID/stat counts in hundredths of a second.
func CPU(pid int) (time.Duration, error) {
	const schedClock = 2 // CPUCLOCK_SCHED of the kernel's posix-timers_types.h
	var spent unix.Timespec
	if err := unix.ClockGettime(int32(^pid<<3|schedClock), &spent); err != nil {
		return 0, fmt.Errorf("processor time of %d: %w", pid, err)
	}
	return time.Duration(spent.Nano()), nil
}

// Status is a part of /proc/PID/status.
type Status struct {
	Threads int
	Anon    int64 // RssAnon: bytes of its own memory that are in use
	Pages   int64 // VmPTE: bytes of its page tables
}

// ReadStatus reads the status of a process.
func ReadStatus(pid int) (Status, error) {
	text, err := os.ReadFile(path(pid, "status"))
	if err != nil {
		return Status{}, fmt.Errorf("status: %w", err)
	}
	return Status{
		Threads: int(field(text, "Threads:")),
		Anon:    field(text, "RssAnon:") << 10,
		Pages:   field(text, "VmPTE:") << 10,
	}, nil
}

// Kernel returns the bytes that the kernel of this machine uses for objects of
// fixed size (sockets, tasks, registrations), for stacks of threads and for page
// tables. It is no process's own: a difference tells something only when it is
// large against what everybody else does meanwhile.
func Kernel() (int64, error) {
	text, err := os.ReadFile("/proc/meminfo")
	if err != nil {
		return 0, fmt.Errorf("meminfo: %w", err)
	}
	return (field(text, "Slab:") + field(text, "KernelStack:") + field(text, "PageTables:")) << 10, nil
}

// Calls returns how often a process called the read and the write family, also
// where there was nothing to read (proc_pid_io(5): syscr and syscw). What
// io_uring does is not counted.
func Calls(pid int) (int64, error) {
	text, err := os.ReadFile(path(pid, "io"))
	if err != nil {
		return 0, fmt.Errorf("io: %w", err)
	}
	return field(text, "syscr:") + field(text, "syscw:"), nil
}

// Sleeps returns how often threads of a process gave up the processor by
// themselves, to wait for something. Threads that have ended do not count.
func Sleeps(pid int) (int64, error) {
	threads, err := os.ReadDir(path(pid, "task"))
	if err != nil {
		return 0, fmt.Errorf("threads: %w", err)
	}
	var total int64
	for _, thread := range threads {
		text, err := os.ReadFile(filepath.Join(path(pid, "task"), thread.Name(), "status"))
		switch {
		case errors.Is(err, fs.ErrNotExist), errors.Is(err, unix.ESRCH):
			continue // it has ended meanwhile
		case err != nil:
			return 0, fmt.Errorf("thread: %w", err)
		}
		total += field(text, "voluntary_ctxt_switches:")
	}
	return total, nil
}

func path(pid int, name string) string {
	return filepath.Join("/proc", strconv.Itoa(pid), name)
}

// field returns the number behind a label at the beginning of a line, or 0.
func field(text []byte, label string) int64 {
	for line := range bytes.Lines(text) {
		value, ok := bytes.CutPrefix(line, []byte(label))
		if !ok {
			continue
		}
		words := bytes.Fields(value)
		if len(words) == 0 {
			return 0
		}
		n, err := strconv.ParseInt(string(words[0]), 10, 64)
		if err != nil {
			return 0
		}
		return n
	}
	return 0
}

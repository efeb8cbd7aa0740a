//go:build linux

// Package machine says on what something was measured.
package machine

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Describe returns one line: processor, kernel and Go.
func Describe() string {
	var system unix.Utsname
	release := "unknown"
	if unix.Uname(&system) == nil {
		release = unix.ByteSliceToString(system.Release[:])
	}
	return fmt.Sprintf("%s, %d processors; Linux %s; %s %s/%s",
		processor(), runtime.NumCPU(), release, runtime.Version(), runtime.GOOS, runtime.GOARCH)
}

// processor names the model of the processors.
func processor() string {
	return firstValue("/proc/cpuinfo", "model name", "unknown processor")
}

// Memory returns the size of the memory in bytes, 0 where the kernel does not
// tell.
func Memory() int64 {
	words := strings.Fields(firstValue("/proc/meminfo", "MemTotal", ""))
	if len(words) == 0 {
		return 0
	}
	kibibytes, err := strconv.ParseInt(words[0], 10, 64)
	if err != nil {
		return 0
	}
	return kibibytes << 10
}

// firstValue returns what stands behind the colon of the first line of that name.
func firstValue(path, name, otherwise string) string {
	text, err := os.ReadFile(path)
	if err != nil {
		return otherwise
	}
	for line := range bytes.Lines(text) {
		if label, value, ok := strings.Cut(string(line), ":"); ok && strings.TrimSpace(label) == name {
			return strings.TrimSpace(value)
		}
	}
	return otherwise
}

// FileSystem names the type of the file system that a directory is on, as far
// as /proc tells: ext4, tmpfs.
func FileSystem(dir string) string {
	mounts, err := os.ReadFile("/proc/self/mounts")
	resolved, resolveErr := filepath.EvalSymlinks(dir)
	if err != nil || resolveErr != nil {
		return "unknown file system"
	}
	return mountedAt(string(mounts), resolved)
}

// mountedAt finds the last mount with the longest path that holds dir.
func mountedAt(mounts, dir string) string {
	var best string
	kind := "unknown file system"
	for line := range strings.Lines(mounts) {
		fields := strings.Fields(line)
		if len(fields) < 3 || len(fields[1]) < len(best) {
			continue
		}
		if under, err := filepath.Rel(fields[1], dir); err == nil && under != ".." && !strings.HasPrefix(under, "../") {
			best, kind = fields[1], fields[2]
		}
	}
	return kind
}

//go:build unix

package main

import (
	"cmp"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"time"
)

// heading says where and how it was measured.
func heading(o options) string {
	parts := []string{
		runtime.GOOS + "/" + runtime.GOARCH,
		fmt.Sprintf("%d processors", runtime.NumCPU()),
		fmt.Sprintf("%d runs each, in turns", o.runs),
	}
	for _, tool := range []string{nameCopy, "rsync"} {
		if out, err := exec.Command(tool, "--version").Output(); err == nil {
			parts = append(parts, strings.Join(strings.Fields(firstLine(string(out))), " "))
		}
	}
	return strings.Join(parts, "; ")
}

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

// table returns a Markdown table of what was measured, empty if nothing was.
func (m *measurement) table(parent string) string {
	if len(m.samples) == 0 {
		return ""
	}
	var out strings.Builder
	fmt.Fprintf(&out, "\n### In %s (%s)\n\n", parent, fileSystem(parent))
	fmt.Fprintln(&out, "| task | tool | median s | min–max s | × cp | × rsync | client CPU s | server CPU s |")
	fmt.Fprintln(&out, "|---|---|---:|---:|---:|---:|---:|---:|")
	for _, t := range tasks(m.options) {
		for _, p := range m.peers {
			if samples := m.samples[row{t, p.name}]; len(samples) > 0 {
				fmt.Fprintln(&out, m.line(t, p.name, samples))
			}
		}
	}
	return out.String()
}

func (m *measurement) line(t task, name string, samples []sample) string {
	wall := func(s sample) time.Duration { return s.wall }
	fastest, slowest := slices.MinFunc(samples, byWall), slices.MaxFunc(samples, byWall)
	return fmt.Sprintf("| %s | %s | %s | %s–%s | %s | %s | %s | %s |", t, name,
		seconds(median(samples, wall)), seconds(fastest.wall), seconds(slowest.wall),
		m.ratio(t, name, nameCopy), m.ratio(t, name, nameRsync),
		seconds(median(samples, func(s sample) time.Duration { return s.client })),
		seconds(median(samples, func(s sample) time.Duration { return s.server })))
}

// ratio compares medians.
func (m *measurement) ratio(t task, name, with string) string {
	wall := func(s sample) time.Duration { return s.wall }
	other := m.samples[row{t, with}]
	if len(other) == 0 {
		return ""
	}
	return fmt.Sprintf("%.2f", float64(median(m.samples[row{t, name}], wall))/float64(median(other, wall)))
}

func byWall(a, b sample) int { return cmp.Compare(a.wall, b.wall) }

// median is the mean of the two in the middle where the number is even.
func median(samples []sample, of func(sample) time.Duration) time.Duration {
	values := make([]time.Duration, len(samples))
	for i, s := range samples {
		values[i] = of(s)
	}
	slices.Sort(values)
	return (values[(len(values)-1)/2] + values[len(values)/2]) / 2
}

func seconds(d time.Duration) string { return fmt.Sprintf("%.3f", d.Seconds()) }

// fileSystem names the type of the file system that a directory is on, as far
// as /proc tells.
func fileSystem(dir string) string {
	mounts, err := os.ReadFile("/proc/self/mounts")
	resolved, resolveErr := filepath.EvalSymlinks(dir)
	if err != nil || resolveErr != nil {
		return "unknown file system"
	}
	var best, kind string
	for line := range strings.Lines(string(mounts)) {
		fields := strings.Fields(line)
		if len(fields) < 3 || len(fields[1]) < len(best) {
			continue
		}
		if under, err := filepath.Rel(fields[1], resolved); err == nil && under != ".." && !strings.HasPrefix(under, "../") {
			best, kind = fields[1], fields[2]
		}
	}
	return kind
}

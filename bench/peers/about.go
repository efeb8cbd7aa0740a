//go:build linux

package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"strconv"
	"strings"
	"time"

	"ftpd/bench/machine"
	"ftpd/bench/peers/tools"
)

// about says on what, how and of what version it was measured.
func (m *measurement) about(args []string, find *tools.Finder) []string {
	lines := []string{
		fmt.Sprintf("%s; %s of memory", machine.Describe(), size(machine.Memory()>>30<<30)),
		"Command: `bench/peers " + strings.Join(withoutPaths(args), " ") + "`",
		fmt.Sprintf("Up to %d runs of each, the tools in turns; medians. Load average before: %s", m.options.runs, m.load),
	}
	for _, p := range m.places {
		lines = append(lines, p.String())
	}
	if found := m.versions(find); found != "" {
		lines = append(lines, found)
	}
	var synced []string
	for _, t := range m.tools {
		if t.Synced {
			synced = append(synced, t.Name)
		}
	}
	lines = append(lines, "On the disk when a put is said to be done: "+strings.Join(synced, "; ")+". Every other row's put may still be in memory only",
		"Every copy was compared with its source, byte by byte, outside of the time measured")
	if m.short {
		lines = append(lines, "The run was stopped, or the time ran out: some rows have fewer runs")
	}
	for _, t := range m.tools {
		if why := m.absent[t.Name]; why != nil {
			lines = append(lines, fmt.Sprintf("Left out: %s (%v)", t.Name, why))
		}
	}
	return lines
}

// withoutPaths leaves out the flags that name directories of this machine.
func withoutPaths(args []string) []string {
	var kept []string
	for i := 0; i < len(args); i++ {
		name := strings.TrimLeft(args[i], "-")
		switch flag, _, given := strings.Cut(name, "="); flag {
		case "bin", "cache", "out":
			if !given {
				i++ // its value
			}
		default:
			kept = append(kept, args[i])
		}
	}
	return kept
}

// versions names the packages that were measured.
func (m *measurement) versions(find *tools.Finder) string {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	var found []string
	seen := make(map[string]bool)
	for _, t := range m.tools {
		for _, name := range t.Packages {
			if seen[name] || m.absent[t.Name] != nil {
				continue
			}
			seen[name] = true
			if version := find.Version(ctx, name); version != "" {
				found = append(found, name+" "+version)
			}
		}
	}
	return strings.Join(found, ", ")
}

// load returns the three load averages, as far as the kernel tells.
func load() string {
	text, err := os.ReadFile("/proc/loadavg")
	if err != nil {
		return "unknown"
	}
	return describeLoad(string(text), runtime.NumCPU())
}

// describeLoad says what a load average means for the figures.
func describeLoad(text string, processors int) string {
	fields := strings.Fields(text)
	if len(fields) < 3 {
		return "unknown"
	}
	averages := strings.Join(fields[:3], " ")
	lately, err := strconv.ParseFloat(fields[0], 64)
	if err != nil || lately < float64(processors)/2 {
		return averages
	}
	return averages + ", so other programs worked on the machine too, and the spread and the ratios tell more than the seconds"
}

//go:build unix

package main

import (
	"fmt"
	"io"
	"maps"
	"slices"
	"strings"
	"time"

	"ftpd/internal/trial/fault"
)

// row is what one part of the soak counted.
type row struct {
	name     string
	runs     int
	kills    int
	size     int64 // of what was to be transferred, in bytes; 0 where that is not the question
	passed   int64 // through the relay
	repaired int64 // blocks
	checked  int   // files that were acknowledged before a kill, and looked at behind it
	faults   [fault.Kinds]int64
	statuses map[int]int64 // of clients, but 0
	memory   *memory
	wall     time.Duration
}

// again returns how much more passed than the size, in percent of it.
func (r *row) again() float64 { return 100 * float64(r.passed-r.size) / float64(r.size) }

// line returns what is worth telling of a part.
func (r *row) line() string {
	parts := []string{fmt.Sprintf("%d runs", r.runs)}
	add := func(format string, args ...any) { parts = append(parts, fmt.Sprintf(format, args...)) }
	if r.kills > 0 {
		add("%d kills", r.kills)
	}
	if r.size > 0 {
		add("%.1f of %.1f MB sent again (%.1f %%)", float64(r.passed-r.size)/1e6, float64(r.size)/1e6, r.again())
	}
	for k, n := range r.faults {
		if n > 0 {
			add("%d %s", n, fault.Kind(k))
		}
	}
	if r.repaired > 0 {
		add("%d blocks repaired", r.repaired)
	}
	if r.checked > 0 {
		add("%d acknowledged files looked at", r.checked)
	}
	for _, status := range slices.Sorted(maps.Keys(r.statuses)) {
		add("status %d: %d", status, r.statuses[status])
	}
	if r.memory != nil {
		add("%s", r.memory)
	}
	return fmt.Sprintf("%-24s %5.1f s  %s", r.name, r.wall.Seconds(), strings.Join(parts, ", "))
}

// figures are those of the whole run.
type figures struct{ rows []row }

// write writes the table of all parts.
func (f *figures) write(out io.Writer) {
	total := row{statuses: map[int]int64{}}
	for i := range f.rows {
		r := &f.rows[i]
		total.runs += r.runs
		total.kills += r.kills
		total.repaired += r.repaired
		total.wall += r.wall
		for k, n := range r.faults {
			total.faults[k] += n
		}
		for status, n := range r.statuses {
			total.statuses[status] += n
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "\n| part | seconds | runs | kills | MB | sent again | repaired | faults | failed, by status |\n")
	fmt.Fprintf(&b, "|---|---:|---:|---:|---:|---:|---:|---|---|\n")
	for _, r := range append(f.rows, total) {
		name, size, again := r.name, "", ""
		if name == "" {
			name = "all"
		}
		if r.size > 0 {
			size, again = fmt.Sprintf("%.1f", float64(r.size)/1e6), fmt.Sprintf("%.1f %%", r.again())
		}
		fmt.Fprintf(&b, "| %s | %.1f | %d | %d | %s | %s | %d | %s | %s |\n", name, r.wall.Seconds(), r.runs, r.kills,
			size, again, r.repaired, r.faultText(), r.statusText())
	}
	for i := range f.rows {
		if m := f.rows[i].memory; m != nil {
			fmt.Fprintf(&b, "\nThe server of %q: %s.\n", f.rows[i].name, m)
		}
	}
	_, _ = io.WriteString(out, b.String()) // who does not read has no need of it
}

func (r *row) faultText() string {
	var parts []string
	for k, n := range r.faults {
		if n > 0 {
			parts = append(parts, fmt.Sprintf("%s %d", fault.Kind(k), n))
		}
	}
	return strings.Join(parts, ", ")
}

func (r *row) statusText() string {
	var parts []string
	for _, status := range slices.Sorted(maps.Keys(r.statuses)) {
		parts = append(parts, fmt.Sprintf("%d: %d", status, r.statuses[status]))
	}
	return strings.Join(parts, ", ")
}

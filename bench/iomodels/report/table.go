package report

import (
	"fmt"
	"math"
	"strconv"
	"strings"
)

// A view is one Markdown table: some rows, and of those some columns.
type view struct {
	heading     string
	experiments []Experiment
	columns     []Column
}

func views() []view {
	return []view{
		{"At rest", []Experiment{Idle}, []Column{IdleCPU, User, Kernel, Threads}},
		{"Busy", []Experiment{Busy}, []Column{Requests, P50, P99, CPU, Calls, Sleeps}},
		{"Beside a handler that blocks for 50 ms", []Experiment{Calm, Heavy}, []Column{Requests, P50, P99}},
	}
}

// title is the heading of a column in Markdown, with its unit.
func (c Column) title() string {
	titles := [columns]string{
		"requests/s", "p50 µs", "p99 µs", "CPU s / 100,000 requests", "idle CPU, share of one processor",
		"own memory B / connection", "kernel memory B / connection", "threads",
		"reads and writes / request", "sleeps / request",
	}
	return titles[c]
}

// Markdown returns tables of all rows.
func Markdown(rows []Row) string {
	var out strings.Builder
	for _, v := range views() {
		v.write(&out, rows)
	}
	return out.String()
}

func (v view) write(out *strings.Builder, rows []Row) {
	fmt.Fprintf(out, "## %s\n\n| experiment | model | idle | active |", v.heading)
	for _, c := range v.columns {
		fmt.Fprintf(out, " %s |", c.title())
	}
	fmt.Fprintf(out, " note |\n|---|---|---:|---:|%s---|\n", strings.Repeat("---:|", len(v.columns)))
	for _, e := range v.experiments {
		for _, r := range rows {
			if r.Experiment == e {
				v.line(out, r)
			}
		}
	}
	out.WriteByte('\n')
}

func (v view) line(out *strings.Builder, r Row) {
	fmt.Fprintf(out, "| %s | %s | %s | %s |", r.Experiment, r.Model, grouped(float64(r.Idle), 0), grouped(float64(r.Active), 0))
	for _, c := range v.columns {
		fmt.Fprintf(out, " %s |", c.pretty(r.Values[c]))
	}
	fmt.Fprintf(out, " %s |\n", strings.ReplaceAll(r.Note, "|", "/"))
}

// pretty writes a value for readers: three digits that mean something, and
// thousands in groups.
func (c Column) pretty(v float64) string {
	switch {
	case math.IsNaN(v):
		return ""
	case c == Threads:
		return grouped(v, 0)
	case c == IdleCPU:
		return strconv.FormatFloat(v, 'f', 3, 64)
	}
	return significant(v)
}

func significant(v float64) string {
	switch size := math.Abs(v); {
	case size >= 100 || v == 0:
		return grouped(v, 0)
	case size >= 10:
		return grouped(v, 1)
	case size >= 0.1:
		return grouped(v, 2)
	}
	return grouped(v, 3)
}

// grouped writes 12345.6 as 12,345.6.
func grouped(v float64, digits int) string {
	text := strconv.FormatFloat(math.Abs(v), 'f', digits, 64)
	whole, fraction, _ := strings.Cut(text, ".")
	for i := len(whole) - 3; i > 0; i -= 3 {
		whole = whole[:i] + "," + whole[i:]
	}
	if fraction != "" {
		whole += "." + fraction
	}
	if v < 0 {
		whole = "-" + whole
	}
	return whole
}

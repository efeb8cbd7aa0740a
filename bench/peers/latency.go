//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"ftpd/bench/peers/tools"
)

// latencyFile is what -latency writes.
const latencyFile = "latency.md"

// parseDelays reads a list of durations.
func parseDelays(list string) ([]time.Duration, error) {
	var all []time.Duration
	for word := range strings.SplitSeq(list, ",") {
		d, err := time.ParseDuration(strings.TrimSpace(word))
		if err != nil {
			return nil, fmt.Errorf("-delays: %w", err)
		}
		if d < 0 {
			return nil, fmt.Errorf("-delays: %v is below 0", d)
		}
		all = append(all, d)
	}
	return all, nil
}

// measureLatency measures the small files through each delay: where a file costs
// a round trip, that shows at once. Disks would only add to it, so it is done in
// one place, in memory where there is some.
func measureLatency(ctx context.Context, m *measurement, about func() []string, out io.Writer) error {
	delays, err := parseDelays(m.options.delays)
	if err != nil {
		return err
	}
	if m.options.memory != "" {
		m.options.disk = ""
	}
	m.relayed = true
	m.tools = slices.DeleteFunc(m.tools, func(t tools.Tool) bool { return t.Name != tools.Product && t.Name != tools.Rsync })
	measureErr := m.throughDelays(ctx, delays)
	if len(m.samples) == 0 {
		return measureErr
	}
	table := m.latencyTable(about(), delays)
	_, err = io.WriteString(out, table)
	if m.options.out != "" {
		err = errors.Join(err, os.MkdirAll(m.options.out, 0o777), os.WriteFile(filepath.Join(m.options.out, latencyFile), []byte(table), 0o666))
	}
	return errors.Join(measureErr, err)
}

func (m *measurement) throughDelays(ctx context.Context, delays []time.Duration) (err error) {
	defer func() {
		for _, p := range m.places {
			err = errors.Join(err, p.remove())
		}
	}()
	small := []kind{{m.options.small, smallFile}}
	if err := m.prepare(small); err != nil {
		return err
	}
	for round := range m.options.runs {
		for _, delay := range delays {
			for _, p := range m.places {
				for _, t := range tasks(small) {
					m.notes.Printf("round %d of %d: %s, %v each way", round+1, m.options.runs, t, delay)
					if err := m.turn(ctx, p, t, delay, round); err != nil {
						return err
					}
				}
			}
		}
	}
	return errors.Join(m.failed...)
}

func (m *measurement) latencyTable(about []string, delays []time.Duration) string {
	var out strings.Builder
	out.WriteString("# Through delays\n\n")
	for _, line := range append(about, "A relay between client and server delays each direction, the handshake too, and limits no bandwidth") {
		out.WriteString("- " + line + "\n")
	}
	out.WriteString("\n| in | task | tool | delay each way | runs | median s | min–max s | more than without, s |\n|---|---|---|---:|---:|---:|---:|---:|\n")
	r := results{samples: m.samples}
	for _, p := range m.places {
		for _, t := range tasks(r.kinds()) {
			for _, tool := range m.tools {
				for _, delay := range delays {
					out.WriteString(r.delayed(row{p.parent, t, tool.Name, delay}))
				}
			}
		}
	}
	return out.String()
}

func (r results) delayed(of row) string {
	samples := r.of(of)
	if len(samples) == 0 {
		return ""
	}
	more := ""
	without := of
	without.delay = 0
	if direct := r.of(without); len(direct) > 0 {
		more = seconds(median(samples, wall) - median(direct, wall))
	}
	return fmt.Sprintf("| %s | %s | %s | %v | %d | %s | %s–%s | %s |\n", of.place, of.task, of.tool, of.delay, len(samples),
		seconds(median(samples, wall)), seconds(slices.MinFunc(samples, byWall).wall), seconds(slices.MaxFunc(samples, byWall).wall), more)
}

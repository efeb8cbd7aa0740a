//go:build linux

package main

import (
	"bufio"
	"cmp"
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// results are what a run has found.
type results struct {
	about   []string // where and how, a line for each
	samples []sample
}

// The files that results are written to, besides the charts.
const (
	samplesFile = "results.csv"
	tablesFile  = "results.md"
)

// columns of the samples; the order of the lines is that in which they were
// taken.
var columns = []string{"place", "direction", "files", "size", "tool", "client", "wall_s", "client_cpu_s", "server_cpu_s"}

// write prints the tables, and writes everything into a directory unless its
// name is empty.
func (r results) write(dir string, out io.Writer) error {
	tables := r.markdown()
	if _, err := io.WriteString(out, tables); err != nil || dir == "" {
		return err
	}
	if err := os.MkdirAll(dir, 0o777); err != nil {
		return err
	}
	var samples strings.Builder
	if err := r.writeCSV(&samples); err != nil {
		return err
	}
	return errors.Join(
		os.WriteFile(filepath.Join(dir, samplesFile), []byte(samples.String()), 0o666),
		os.WriteFile(filepath.Join(dir, tablesFile), []byte(tables), 0o666),
		r.charts(dir))
}

// redraw writes tables and charts again, from the samples.
func redraw(dir string) error {
	f, err := os.Open(filepath.Join(dir, samplesFile))
	if err != nil {
		return err
	}
	defer f.Close()
	r, err := readCSV(f)
	if err != nil {
		return fmt.Errorf("%s: %w", samplesFile, err)
	}
	return r.write(dir, io.Discard)
}

// writeCSV writes what the results are about as comments, then the samples.
func (r results) writeCSV(out io.Writer) error {
	for _, line := range r.about {
		if _, err := fmt.Fprintf(out, "# %s\n", line); err != nil {
			return err
		}
	}
	w := csv.NewWriter(out)
	lines := [][]string{columns}
	for _, s := range r.samples {
		lines = append(lines, []string{
			s.place, string(s.task.direction), strconv.Itoa(s.task.files), strconv.FormatInt(s.task.size, 10), s.tool, s.client,
			exact(s.wall), exact(s.onClient), exact(s.onServer),
		})
	}
	return w.WriteAll(lines)
}

// exact writes seconds so that nothing is lost when they are read back.
func exact(d time.Duration) string { return strconv.FormatFloat(d.Seconds(), 'f', 9, 64) }

func readCSV(in io.Reader) (results, error) {
	var r results
	text := bufio.NewReader(in)
	for {
		next, err := text.Peek(2)
		if err != nil || string(next) != "# " {
			break
		}
		line, err := text.ReadString('\n')
		if err != nil {
			return r, err
		}
		r.about = append(r.about, strings.TrimSpace(line[2:]))
	}
	lines, err := csv.NewReader(text).ReadAll()
	if err != nil {
		return r, err
	}
	if len(lines) == 0 || !slices.Equal(lines[0], columns) {
		return r, errors.New("the first line does not name the columns")
	}
	for i, fields := range lines[1:] {
		s, err := parseSample(fields)
		if err != nil {
			return r, fmt.Errorf("sample %d: %w", i+1, err)
		}
		r.samples = append(r.samples, s)
	}
	return r, nil
}

func parseSample(fields []string) (s sample, err error) {
	files, filesErr := strconv.Atoi(fields[2])
	bytes, sizeErr := strconv.ParseInt(fields[3], 10, 64)
	err = errors.Join(filesErr, sizeErr)
	duration := func(i int) time.Duration {
		value, parseErr := time.ParseDuration(fields[i] + "s")
		err = errors.Join(err, parseErr)
		return value
	}
	s = sample{
		row:    row{place: fields[0], task: task{direction(fields[1]), kind{files, bytes}}, tool: fields[4]},
		client: fields[5], wall: duration(6), onClient: duration(7), onServer: duration(8),
	}
	return s, err
}

// of returns the samples of a row.
func (r results) of(wanted row) []sample {
	var found []sample
	for _, s := range r.samples {
		if s.row == wanted {
			found = append(found, s)
		}
	}
	return found
}

// distinct returns what the samples have, in the order of its first occurrence.
func distinct[T comparable](samples []sample, of func(sample) T) []T {
	var all []T
	for _, s := range samples {
		if v := of(s); !slices.Contains(all, v) {
			all = append(all, v)
		}
	}
	return all
}

func (r results) places() []string {
	return distinct(r.samples, func(s sample) string { return s.place })
}

func (r results) kinds() []kind {
	return distinct(r.samples, func(s sample) kind { return s.task.kind })
}

func (r results) tools() []string {
	return distinct(r.samples, func(s sample) string { return s.tool })
}

func wall(s sample) time.Duration { return s.wall }

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

// ratio compares the medians of two rows; false where one of them is missing.
func (r results) ratio(a, b row) (float64, bool) {
	ours, theirs := r.of(a), r.of(b)
	if len(ours) == 0 || len(theirs) == 0 {
		return 0, false
	}
	return float64(median(ours, wall)) / float64(median(theirs, wall)), true
}

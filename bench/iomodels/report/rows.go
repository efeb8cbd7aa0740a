// Package report turns what was measured into a CSV file, a Markdown table,
// charts, and the figures and verdicts of the page about the I/O models.
package report

import (
	"encoding/csv"
	"errors"
	"fmt"
	"io"
	"math"
	"slices"
	"strconv"
	"strings"
)

// An Experiment says what was going on.
type Experiment string

// The experiments.
const (
	Idle  Experiment = "idle"  // connections that stay silent
	Busy  Experiment = "busy"  // some of them ask, one request after the other
	Calm  Experiment = "calm"  // as Heavy, without the heavy client
	Heavy Experiment = "heavy" // one more client's handler blocks for 50 ms each time
)

// A Column is something measured.
type Column int

// The columns of values.
const (
	Requests Column = iota // requests/s
	P50                    // µs from request to answer
	P99                    // µs
	CPU                    // s of processor time of the server for 100,000 requests
	IdleCPU                // share of one processor that the server uses
	User                   // bytes of the server's own memory for each connection
	Kernel                 // bytes of the kernel for each connection, both ends
	Threads                // of the server
	Calls                  // read and write calls for each request
	Sleeps                 // how often a thread went to sleep, for each request
	columns
)

// String returns the column's name in the CSV file.
func (c Column) String() string {
	names := [columns]string{
		"requests_per_s", "p50_us", "p99_us", "cpu_s_per_100k", "idle_cpu_share",
		"user_bytes_per_connection", "kernel_bytes_per_connection", "threads",
		"calls_per_request", "sleeps_per_request",
	}
	return names[c]
}

// format writes a value with as many digits as mean something.
func (c Column) format(v float64) string {
	if math.IsNaN(v) {
		return ""
	}
	digits := [columns]int{CPU: 3, IdleCPU: 3, P50: 1, P99: 1, Calls: 2, Sleeps: 3}
	return strconv.FormatFloat(v, 'f', digits[c], 64)
}

// A Key names what is measured more than once.
type Key struct {
	Experiment   Experiment
	Model        string
	Idle, Active int // connections
}

// A Row is one measurement, or the median of several.
type Row struct {
	Key
	Values [columns]float64 // NaN where there is none
	Runs   int              // how many measurements the values are from: those without any do not count
	Note   string           // what there is to say instead of, or about, the values
}

// NewRow returns a row of one run, whose values are to come.
func NewRow(key Key) Row {
	r := Row{Key: key, Runs: 1}
	for i := range r.Values {
		r.Values[i] = math.NaN()
	}
	return r
}

// Medians merges the rows of each key, and keeps the order in which keys came
// first. A value is the median of those that there are, of two the mean.
func Medians(samples []Row) []Row {
	var order []Key
	of := make(map[Key][]Row)
	for _, s := range samples {
		if of[s.Key] == nil {
			order = append(order, s.Key)
		}
		of[s.Key] = append(of[s.Key], s)
	}
	var merged []Row
	for _, key := range order {
		merged = append(merged, merge(key, of[key]))
	}
	return merged
}

func merge(key Key, samples []Row) Row {
	m := NewRow(key)
	m.Runs = 0
	for _, s := range samples {
		if s.measured() {
			m.Runs++
		}
	}
	for c := range m.Values {
		var values []float64
		for _, s := range samples {
			if !math.IsNaN(s.Values[c]) {
				values = append(values, s.Values[c])
			}
		}
		m.Values[c] = median(values)
	}
	m.Note = mergeNotes(samples)
	return m
}

// measured says whether there is a value.
func (r Row) measured() bool {
	return slices.ContainsFunc(r.Values[:], func(v float64) bool { return !math.IsNaN(v) })
}

// mergeNotes returns what was noted in every round as it is, and what was noted
// in some of them with how many those are: the values are then mostly, or only,
// those of the others.
func mergeNotes(samples []Row) string {
	var order []string
	times := make(map[string]int)
	for _, s := range samples {
		if s.Note == "" {
			continue
		}
		if times[s.Note] == 0 {
			order = append(order, s.Note)
		}
		times[s.Note]++
	}
	for i, note := range order {
		if n := times[note]; n < len(samples) {
			order[i] = fmt.Sprintf("in %d of %d rounds: %s", n, len(samples), note)
		}
	}
	return strings.Join(order, "; ")
}

func median(values []float64) float64 {
	if len(values) == 0 {
		return math.NaN()
	}
	slices.Sort(values)
	return (values[(len(values)-1)/2] + values[len(values)/2]) / 2
}

var errCSV = errors.New("not a table of this program")

func header() []string {
	names := append([]string{"experiment", "model", "idle", "active"}, columnNames()...)
	return append(names, "runs", "note")
}

// WriteCSV writes rows as WriteCSV's twin, ReadCSV, reads them.
func WriteCSV(w io.Writer, rows []Row) error {
	out := csv.NewWriter(w)
	records := [][]string{header()}
	for _, r := range rows {
		record := []string{string(r.Experiment), r.Model, strconv.Itoa(r.Idle), strconv.Itoa(r.Active)}
		for c, v := range r.Values {
			record = append(record, Column(c).format(v))
		}
		records = append(records, append(record, strconv.Itoa(r.Runs), r.Note))
	}
	if err := out.WriteAll(records); err != nil {
		return fmt.Errorf("write the table: %w", err)
	}
	return nil
}

// ReadCSV reads what WriteCSV has written.
func ReadCSV(r io.Reader) ([]Row, error) {
	records, err := csv.NewReader(r).ReadAll()
	if err != nil {
		return nil, fmt.Errorf("read the table: %w", err)
	}
	if len(records) == 0 || !slices.Equal(records[0], header()) {
		return nil, fmt.Errorf("read the table: %w: another heading", errCSV)
	}
	var rows []Row
	for _, record := range records[1:] {
		row, err := parse(record)
		if err != nil {
			return nil, fmt.Errorf("read the table: %w", err)
		}
		rows = append(rows, row)
	}
	return rows, nil
}

func parse(record []string) (Row, error) {
	row := NewRow(Key{Experiment: Experiment(record[0]), Model: record[1]})
	var errs [3]error
	row.Idle, errs[0] = strconv.Atoi(record[2])
	row.Active, errs[1] = strconv.Atoi(record[3])
	row.Runs, errs[2] = strconv.Atoi(record[4+columns])
	row.Note = record[5+columns]
	for c, text := range record[4 : 4+columns] {
		if text == "" {
			continue
		}
		v, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return Row{}, fmt.Errorf("%w: %w", errCSV, err)
		}
		row.Values[c] = v
	}
	return row, errors.Join(errs[:]...)
}

// find returns the row of a key.
func find(rows []Row, key Key) (Row, bool) {
	i := slices.IndexFunc(rows, func(r Row) bool { return r.Key == key })
	if i < 0 {
		return Row{}, false
	}
	return rows[i], true
}

package report

import (
	"bytes"
	"errors"
	"image/png"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// row makes one with the values named by their columns.
func row(key Key, values map[Column]float64) Row {
	r := NewRow(key)
	for c, v := range values {
		r.Values[c] = v
	}
	return r
}

// sample is a little of everything.
func sample() []Row {
	var rows []Row
	for i, model := range []string{"threads", "select", "epoll"} {
		for _, idle := range []int{1, 1000} {
			rows = append(rows, row(Key{Idle, model, idle, 0}, map[Column]float64{IdleCPU: 0.25, User: 400, Threads: 7}))
			for _, active := range []int{1, 16} {
				rows = append(rows, row(Key{Busy, model, idle, active}, map[Column]float64{
					Requests: 1000 * float64(i+1), P50: 20, P99: 12_345.6, CPU: 1.5 * float64(idle), Calls: 2, Sleeps: 0.5,
				}))
			}
		}
		rows = append(rows,
			row(Key{Calm, model, 0, 16}, map[Column]float64{Requests: 1, P50: 10, P99: 20}),
			row(Key{Heavy, model, 0, 16}, map[Column]float64{Requests: 1, P50: 50_000, P99: 60_000}))
	}
	rows[2].Note = "ErrTooManyFiles at 1,024 | and a comma, \"quoted\""
	return rows
}

// same compares rows, NaN with NaN being equal.
func same(a, b Row) bool {
	for c := range a.Values {
		if a.Values[c] != b.Values[c] && !(math.IsNaN(a.Values[c]) && math.IsNaN(b.Values[c])) {
			return false
		}
	}
	return a.Key == b.Key && a.Runs == b.Runs && a.Note == b.Note
}

func TestCSVComesBack(t *testing.T) {
	var text bytes.Buffer
	if err := WriteCSV(&text, sample()); err != nil {
		t.Fatal(err)
	}
	rows, err := ReadCSV(&text)
	if err != nil || len(rows) != len(sample()) {
		t.Fatalf("%d rows, %v", len(rows), err)
	}
	for i, want := range sample() {
		if !same(rows[i], want) {
			t.Errorf("got %+v, want %+v", rows[i], want)
		}
	}
}

func TestCSVThatIsNone(t *testing.T) {
	good := strings.Join(header(), ",") + "\n"
	for _, text := range []string{
		"", "a,b\n", good + "busy,epoll,x,1,,,,,,,,,,,1,\n", good + "busy,epoll,1,1,fast,,,,,,,,,,1,\n", good + "busy\n",
	} {
		if rows, err := ReadCSV(strings.NewReader(text)); err == nil {
			t.Errorf("%q gives %d rows", text, len(rows))
		}
	}
}

func TestMedians(t *testing.T) {
	first, second := Key{Busy, "epoll", 1, 1}, Key{Busy, "poll", 1, 1}
	samples := []Row{
		row(first, map[Column]float64{P50: 9, CPU: 4}),
		row(second, map[Column]float64{P50: 1}),
		row(first, map[Column]float64{P50: 2}),
		row(first, map[Column]float64{P50: 3, CPU: 6}),
	}
	got := Medians(samples)
	if len(got) != 2 || got[0].Key != first || got[1].Key != second {
		t.Fatalf("rows %+v", got)
	}
	want := row(first, map[Column]float64{P50: 3, CPU: 5})
	want.Runs = 3
	if !same(got[0], want) {
		t.Errorf("got %+v, want %+v", got[0], want)
	}
}

// A round that failed is no run, and the note says how many there were.
func TestMediansOfFailedRounds(t *testing.T) {
	key := Key{Heavy, "sigio", 0, 16}
	noted := func(note string, values map[Column]float64) Row {
		r := row(key, values)
		r.Note = note
		return r
	}
	good := noted("", map[Column]float64{P50: 5})
	for _, tt := range []struct {
		samples []Row
		runs    int
		note    string
	}{
		{[]Row{good, noted("no answer", nil), good}, 2, "in 1 of 3 rounds: no answer"},
		{[]Row{noted("no answer", nil), noted("no answer", nil)}, 0, "no answer"},
		{[]Row{noted("some", map[Column]float64{P50: 5}), noted("some", map[Column]float64{P50: 7})}, 2, "some"},
		{[]Row{noted("a", nil), noted("b", nil), noted("a", nil), good}, 1, "in 2 of 4 rounds: a; in 1 of 4 rounds: b"},
	} {
		merged := Medians(tt.samples)
		if len(merged) != 1 || merged[0].Runs != tt.runs || merged[0].Note != tt.note {
			t.Errorf("got %+v, want %d runs and %q", merged, tt.runs, tt.note)
		}
	}
}

func TestMarkdown(t *testing.T) {
	text := Markdown(sample())
	for _, want := range []string{
		"| busy | epoll | 1,000 | 1 | 3,000 | 20.0 | 12,346 | 1,500 | 2.00 | 0.50 |  |",
		"| idle | threads | 1 | 0 | 0.250 | 400 |  | 7 |  |",
		"ErrTooManyFiles at 1,024 / and",
	} {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in\n%s", want, text)
		}
	}
	for line := range strings.Lines(text) {
		if columns := strings.Count(line, "|"); columns > 0 && columns < 9 {
			t.Errorf("%d columns: %s", columns, line)
		}
	}
}

func TestNumbers(t *testing.T) {
	for v, want := range map[float64]string{
		0: "0", 0.01234: "0.012", 0.5: "0.50", 9.876: "9.88", 99.94: "99.9", 999: "999", 1000: "1,000", 1234567.8: "1,234,568", -4321: "-4,321",
	} {
		if got := significant(v); got != want {
			t.Errorf("%v is %q, want %q", v, got, want)
		}
	}
}

func TestWrite(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new")
	if err := Write(dir, "a machine", sample()); err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"throughput", "latency-p50", "latency-p99", "cpu", "idle", "heavy"} {
		image, err := os.Open(filepath.Join(dir, name+".png"))
		if err != nil {
			t.Fatal(err)
		}
		defer image.Close()
		if config, err := png.DecodeConfig(image); err != nil || config.Width < 800 || config.Height < 400 {
			t.Errorf("%s: %+v, %v", name, config, err)
		}
		vector, err := os.ReadFile(filepath.Join(dir, name+".svg"))
		if err != nil || !bytes.Contains(vector, []byte("epoll")) {
			t.Errorf("%s: the SVG names no model, %v", name, err)
		}
	}
	text, err := os.ReadFile(filepath.Join(dir, TableFile))
	if err != nil || !strings.Contains(string(text), "a machine\n") {
		t.Errorf("%.100s, %v", text, err)
	}
}

// With a page beside them, results bring it up to date.
func TestWriteRefreshesThePage(t *testing.T) {
	dir := t.TempDir()
	page := filepath.Join(dir, PageFile)
	stale := "It takes **?**<!-- busy/epoll/1/1/p99_us --> µs on **?**<!-- machine -->.\n"
	if err := os.WriteFile(page, []byte(stale), 0o666); err != nil {
		t.Fatal(err)
	}
	if err := Write(dir, "a machine", sample()); err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(page)
	if want := "It takes **12,346**<!-- busy/epoll/1/1/p99_us --> µs on **a machine**<!-- machine -->.\n"; string(got) != want || err != nil {
		t.Errorf("got %s, %v", got, err)
	}
}

func TestChartsOfLittle(t *testing.T) {
	for _, rows := range [][]Row{nil, sample()[:1], sample()[1:2], sample()[6:7]} {
		if err := Write(t.TempDir(), "", rows); err != nil {
			t.Error(err)
		}
	}
}

func TestRefreshRefuses(t *testing.T) {
	for _, source := range []string{
		"busy/epoll/1/1", "busy/epoll/1/1/colour", "busy/epoll/2/1/p50_us", "busy/epoll/x/1/p50_us",
		"idle/epoll/1/0/kernel_bytes_per_connection", "claim of-nobody", "busy/epoll/1/1/p50_us / nothing",
	} {
		page := "**5**<!-- " + source + " -->"
		if _, err := Refresh(page, "", sample()); !errors.Is(err, errPage) {
			t.Errorf("%q: error %v", source, err)
		}
	}
}

func TestRatio(t *testing.T) {
	got, err := Refresh("**x**<!-- busy/select/1000/1/cpu_s_per_100k / busy/select/1/1/cpu_s_per_100k --> times", "", sample())
	if err != nil || !strings.HasPrefix(got, "**1,000**<!--") {
		t.Errorf("got %q, %v", got, err)
	}
}

// Every claim is refuted by no results at all, held by some, and in part by fewer.
func TestVerdicts(t *testing.T) {
	names := make(map[string]bool)
	for _, c := range Claims() {
		if names[c.Name] || c.Text == "" || len(c.Parts) < 2 {
			t.Errorf("claim %+v", c)
		}
		names[c.Name] = true
	}
	at := func(key Key, c Column, v float64) Row { return row(key, map[Column]float64{c: v}) }
	rows := []Row{
		at(Key{Heavy, "epoll", 0, 16}, P50, 50_000),
		at(Key{Heavy, "epoll-offload", 0, 16}, P99, 900),
		at(Key{Heavy, "threads", 0, 16}, P99, 900),
	}
	for n, want := range []string{"did not hold", "held in part", "held in part", "held"} {
		if got, err := verdict("heavy-delays", rows[:n]); got != want || err != nil {
			t.Errorf("%d parts: %q, %v, want %q", n, got, err, want)
		}
	}
}

package report

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// pages is where the results are committed.
var pages = filepath.Join("..", "..", "..", "docs", "io-models")

func committed(t *testing.T) (page, machine string, rows []Row) {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(pages, PageFile))
	if err != nil {
		t.Fatal(err)
	}
	rows, machine, err = Load(pages)
	if err != nil {
		t.Fatal(err)
	}
	return string(text), machine, rows
}

// TestPageAgreesWithResults is what makes a figure of the page one that was
// measured: each says where in results.csv it is from.
func TestPageAgreesWithResults(t *testing.T) {
	page, machine, rows := committed(t)
	fresh, err := Refresh(page, machine, rows)
	if err != nil {
		t.Fatal(err)
	}
	was, is := figure().FindAllString(page, -1), figure().FindAllString(fresh, -1)
	if len(was) < 60 {
		t.Errorf("the page states %d figures", len(was))
	}
	for i := range was {
		if was[i] != is[i] {
			t.Errorf("the page has %s, the results %s", was[i], is[i])
		}
	}
}

// Figures without a source would be compared with nothing.
func TestPageHasNoOtherFigures(t *testing.T) {
	page, _, _ := committed(t)
	for _, text := range unsourced(page) {
		t.Errorf("no source: %s", text)
	}
	if got := unsourced("takes 5 µs, **7**<!-- x --> µs and 1,234.5\nrequests/s"); len(got) != 2 {
		t.Errorf("found %q", got)
	}
}

func unsourced(page string) []string {
	measured := regexp.MustCompile(`[0-9][0-9.,]*\s+(µs|requests/s|B each|s of processor time)`)
	return measured.FindAllString(figure().ReplaceAllString(page, "figure"), -1)
}

func TestPageHasEveryClaim(t *testing.T) {
	page, _, _ := committed(t)
	sections := strings.Split(page, "\n### ")[1:]
	if len(sections) != len(Claims()) {
		t.Fatalf("%d sections, of %d claims", len(sections), len(Claims()))
	}
	for i, c := range Claims() {
		heading, text, _ := strings.Cut(sections[i], "\n")
		if !strings.HasSuffix(heading, "<!-- claim "+c.Name+" -->") {
			t.Errorf("section %d is %q, want the verdict on %s at its end", i+1, heading, c.Name)
		}
		if len(figure().FindAllString(text, -1)) < 2 {
			t.Errorf("%s is told without figures", c.Name)
		}
	}
}

func TestTablesAgreeWithResults(t *testing.T) {
	_, machine, rows := committed(t)
	text, err := os.ReadFile(filepath.Join(pages, TableFile))
	if err != nil || string(text) != tableHeading+machine+"\n\n"+Markdown(rows) {
		t.Errorf("%s is not what %s gives: make it anew with -redraw, %v", TableFile, CSVFile, err)
	}
}

func TestResultsAreWhole(t *testing.T) {
	_, _, rows := committed(t)
	for _, e := range []Experiment{Idle, Busy, Calm, Heavy} {
		if models := modelsOf(rows, e); len(models) < 10 {
			t.Errorf("%s: only %q", e, models)
		}
	}
	stop, ok := find(rows, Key{Idle, "select", 10_000, 0})
	if !ok || !strings.Contains(stop.Note, "ErrTooManyFiles at descriptor 1024") {
		t.Errorf("select with 10,000 connections: %+v", stop)
	}
}

// What the page shows and points to is there.
func TestLinksOfThePage(t *testing.T) {
	page, _, _ := committed(t)
	links := regexp.MustCompile(`\]\(([^)#]+)\)`).FindAllStringSubmatch(page, -1)
	images := 0
	for _, link := range links {
		if _, err := os.Stat(filepath.Join(pages, link[1])); err != nil {
			t.Error(err)
		}
		if name, ok := strings.CutSuffix(link[1], ".png"); ok {
			images++
			if _, err := os.Stat(filepath.Join(pages, name+".svg")); err != nil {
				t.Error(err)
			}
		}
	}
	if images < 6 {
		t.Errorf("the page shows %d charts", images)
	}
}

// The page's table and the chart of servers at rest show the same rows.
func TestTableAndChartAtRestAgree(t *testing.T) {
	page, _, rows := committed(t)
	models := modelsOf(rows, Idle)
	drawn := fullest(rows, models, User)
	for i, model := range models {
		source := "idle/" + model + "/10000/0/" + User.String()
		shown := drawn[len(models)-1-i]
		if text := "**" + User.pretty(shown) + "**<!-- " + source + " -->"; !strings.Contains(page, text) {
			t.Errorf("the chart has %v for %s, and the page has no %s", shown, model, text)
		}
	}
}

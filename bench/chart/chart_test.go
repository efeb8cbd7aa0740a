package chart

import (
	"bytes"
	"image/color"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"gonum.org/v1/plot"
)

func label(float64) string { return "a label" }

func TestNumbersOnAnAxis(t *testing.T) {
	for v, want := range map[float64]string{0.01: "0.01", 1: "1", 1000: "1k", 20_000: "20k", 3e6: "3M"} {
		if got := short(v); got != want {
			t.Errorf("%v is %q on an axis, want %q", v, got, want)
		}
	}
}

// An axis has enough numbers on it to read a point between them.
func TestTicks(t *testing.T) {
	for _, tt := range []struct {
		lowest, highest float64
		want            string
	}{
		{19, 9800, "20 50 100 200 500 1k 2k 5k"},
		{0.4, 9, "0.5 1 2 5"},
		{0.8, 14_000, "1 10 100 1k 10k"},
	} {
		var labels []string
		for _, tick := range (decades{}).Ticks(tt.lowest, tt.highest) {
			if tick.Label != "" {
				labels = append(labels, tick.Label)
			}
		}
		if got := strings.Join(labels, " "); got != tt.want {
			t.Errorf("%v to %v is labelled %q, want %q", tt.lowest, tt.highest, got, tt.want)
		}
	}
}

func sample() Chart {
	c := New("sample", "A title")
	for range 3 {
		p := BarPanel("a panel", "units", []string{"first", "second"})
		p.X.Min, p.X.Max = 0, 5
		p.Add(&Bars{Values: []float64{2, math.NaN()}, Label: label, Colour: color.Black, Width: 10})
		c.Panels = append(c.Panels, p)
	}
	return c
}

func TestSave(t *testing.T) {
	dir := t.TempDir()
	c := sample()
	c.Columns, c.NoLegend = 2, true
	if err := c.Save(dir); err != nil {
		t.Fatal(err)
	}
	image, err := os.ReadFile(filepath.Join(dir, "sample.png"))
	if err != nil || !bytes.HasPrefix(image, []byte("\x89PNG")) {
		t.Errorf("no image: %v", err)
	}
	vector, err := os.ReadFile(filepath.Join(dir, "sample.svg"))
	if err != nil {
		t.Fatal(err)
	}
	for word, times := range map[string]int{"A title": 1, "a panel": 3, "second": 3, "a label": 3, "—": 3} {
		if got := strings.Count(string(vector), word); got != times {
			t.Errorf("%q is there %d times, want %d", word, got, times)
		}
	}
}

func TestGrid(t *testing.T) {
	for _, tt := range []struct{ panels, wanted, rows, columns int }{
		{3, 0, 1, 3}, {3, 2, 2, 2}, {4, 2, 2, 2}, {1, 2, 1, 1}, {0, 0, 0, 1},
	} {
		c := Chart{Columns: tt.wanted, Panels: make([]*plot.Plot, tt.panels)}
		if rows, columns := c.grid(); rows != tt.rows || columns != tt.columns {
			t.Errorf("%d panels, %d columns wanted: %d x %d", tt.panels, tt.wanted, rows, columns)
		}
	}
}

func TestNothingToSave(t *testing.T) {
	dir := t.TempDir()
	c := New("sample", "A title")
	if err := c.Save(dir); err != nil {
		t.Fatal(err)
	}
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("%v, %v", left, err)
	}
}

//go:build linux

package main

import (
	"fmt"
	"image/color"
	"math"
	"strings"

	"gonum.org/v1/plot"

	"ftpd/bench/chart"
	"ftpd/bench/peers/tools"
)

// charts draws one chart for each place.
func (r results) charts(dir string) error {
	for _, place := range r.places() {
		c := r.chart(place)
		if err := c.Save(dir); err != nil {
			return err
		}
	}
	return nil
}

// chart has a panel for each task: puts to the left, gets to the right.
func (r results) chart(place string) chart.Chart {
	c := chart.New(chartName(place), "Seconds in "+place+", median: lower is better")
	c.Columns, c.NoLegend = 2, true
	for _, k := range r.kinds() {
		for _, d := range []direction{put, get} {
			c.Panels = append(c.Panels, r.panel(place, task{d, k}))
		}
	}
	return c
}

// chartName makes a file's name of a directory's.
func chartName(place string) string {
	return "copies" + strings.ReplaceAll("/"+strings.Trim(place, "/"), "/", "-")
}

// panel shows the fastest tool on top, the product in a colour of its own.
func (r results) panel(place string, t task) *plot.Plot {
	names := r.byMedian(place, t)
	p := chart.BarPanel(t.String(), "seconds", names)
	ours := chart.Bars{Label: brief, Colour: color.RGBA{R: 0xd5, G: 0x5e, A: 0xff}, Width: barWidth, Blank: true}
	others := chart.Bars{Label: brief, Colour: color.RGBA{R: 0x56, G: 0xb4, B: 0xe9, A: 0xff}, Width: barWidth, Blank: true}
	p.X.Min, p.X.Max = 0, 1e-3
	for range names {
		ours.Values, others.Values = append(ours.Values, math.NaN()), append(others.Values, math.NaN())
	}
	for i, name := range names {
		value := median(r.of(row{place: place, task: t, tool: name}), wall).Seconds()
		p.X.Max = math.Max(p.X.Max, value*1.2) // room for the figure behind the longest
		at := len(names) - 1 - i
		if tools.Ours(name) {
			ours.Values[at] = value
		} else {
			others.Values[at] = value
		}
	}
	p.Add(&ours, &others)
	return p
}

const barWidth = 14

func brief(v float64) string { return fmt.Sprintf("%.2f", v) }

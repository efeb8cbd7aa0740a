package report

import (
	"fmt"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"

	"ftpd/bench/chart"
)

// charts draws everything that rows have something for.
func charts(rows []Row) ([]chart.Chart, error) {
	var all []chart.Chart
	for _, wanted := range []struct {
		name, title, unit string
		column            Column
	}{
		{"throughput", "Requests a second: higher is better", "requests/s", Requests},
		{"latency-p50", "Median time to the answer: lower is better", "µs", P50},
		{"latency-p99", "Time to the answer that 99 of 100 stay below: lower is better", "µs", P99},
		{"cpu", "Processor time of the server for 100,000 requests: lower is better", "seconds", CPU},
	} {
		c, err := ladder(rows, wanted.column, wanted.unit)
		if err != nil {
			return nil, err
		}
		c.Name, c.Title = wanted.name, wanted.title
		all = append(all, c)
	}
	all = append(all, atRest(rows), heavyChart(rows))
	return slices.DeleteFunc(all, func(c chart.Chart) bool { return len(c.Panels) == 0 }), nil
}

// modelsOf returns the models in the order in which they were measured first.
func modelsOf(rows []Row, e Experiment) []string {
	var names []string
	for _, r := range rows {
		if r.Experiment == e && !slices.Contains(names, r.Model) {
			names = append(names, r.Model)
		}
	}
	return names
}

// ladder has a panel for each number of active connections: one column of the
// busy rows above the number of idle connections, a line for each model.
func ladder(rows []Row, column Column, unit string) (chart.Chart, error) {
	c := chart.New("", "")
	busy := slices.DeleteFunc(slices.Clone(rows), func(r Row) bool {
		return r.Experiment != Busy || math.IsNaN(r.Values[column])
	})
	lowest, highest := extent(busy, column)
	var steps []int
	for _, r := range busy {
		if !slices.Contains(steps, r.Active) {
			steps = append(steps, r.Active)
		}
	}
	slices.Sort(steps)
	for _, active := range steps {
		p := plot.New()
		chart.Decent(p)
		p.Title.Text = fmt.Sprintf("%d active", active)
		p.X.Label.Text = "idle connections"
		p.Y.Label.Text = unit
		chart.Logarithmic(&p.X, 0.8, 14_000)
		chart.Logarithmic(&p.Y, lowest/1.25, highest*1.25)
		grid := plotter.NewGrid()
		grid.Horizontal, grid.Vertical = gridStyle(), gridStyle()
		p.Add(grid)
		if err := addLines(p, &c.Legend, busy, active, column); err != nil {
			return c, err
		}
		c.Panels = append(c.Panels, p)
	}
	return c, nil
}

// addLines adds a line for each model, and in the first panel its place in the
// legend.
func addLines(p *plot.Plot, legend *plot.Legend, busy []Row, active int, column Column) error {
	named := active == 1
	for i, model := range modelsOf(busy, Busy) {
		var points plotter.XYs
		for _, r := range busy {
			if r.Model == model && r.Active == active {
				points = append(points, plotter.XY{X: float64(r.Idle), Y: r.Values[column]})
			}
		}
		if len(points) == 0 {
			continue
		}
		line, dots, err := plotter.NewLinePoints(points)
		if err != nil {
			return fmt.Errorf("chart: %w", err)
		}
		look := styles()[i%len(styles())]
		line.LineStyle, dots.GlyphStyle = look.line(), look.glyph()
		p.Add(line, dots)
		if named {
			legend.Add(model, line, dots)
		}
	}
	return nil
}

func extent(rows []Row, column Column) (lowest, highest float64) {
	lowest, highest = math.Inf(1), math.Inf(-1)
	for _, r := range rows {
		lowest, highest = math.Min(lowest, r.Values[column]), math.Max(highest, r.Values[column])
	}
	return lowest, highest
}

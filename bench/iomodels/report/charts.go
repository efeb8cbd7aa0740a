package report

import (
	"fmt"
	"image/color"
	"io"
	"math"
	"os"
	"path/filepath"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"
)

// A chart is a row of panels and a legend for all of them.
type chart struct {
	name   string // of its files
	title  string
	panels []*plot.Plot
	legend plot.Legend
}

const (
	panelWidth  = 4.3 * vg.Inch
	chartHeight = 5.6 * vg.Inch
	legendWidth = 1.95 * vg.Inch
	titleHeight = 0.5 * vg.Inch
	dpi         = 110
)

// charts draws everything that rows have something for.
func charts(rows []Row) ([]chart, error) {
	var all []chart
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
		c.name, c.title = wanted.name, wanted.title
		all = append(all, c)
	}
	all = append(all, atRest(rows), heavyChart(rows))
	return slices.DeleteFunc(all, func(c chart) bool { return len(c.panels) == 0 }), nil
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
func ladder(rows []Row, column Column, unit string) (chart, error) {
	var c chart
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
	c.legend = plot.NewLegend()
	for _, active := range steps {
		p := plot.New()
		decent(p)
		p.Title.Text = fmt.Sprintf("%d active", active)
		p.X.Label.Text = "idle connections"
		p.Y.Label.Text = unit
		logarithmic(&p.X, 0.8, 14_000)
		logarithmic(&p.Y, lowest/1.25, highest*1.25)
		grid := plotter.NewGrid()
		grid.Horizontal, grid.Vertical = gridStyle(), gridStyle()
		p.Add(grid)
		if err := addLines(p, &c.legend, busy, active, column); err != nil {
			return c, err
		}
		c.panels = append(c.panels, p)
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

// draw lays the chart out: the title above, the legend to the right.
func (c *chart) draw(dc draw.Canvas) {
	dc.FillPolygon(color.White, []vg.Point{dc.Min, {X: dc.Max.X, Y: dc.Min.Y}, dc.Max, {X: dc.Min.X, Y: dc.Max.Y}})
	heading := c.panels[0].Title.TextStyle
	heading.Font.Size = vg.Points(15)
	heading.XAlign, heading.YAlign = draw.XLeft, draw.YTop
	dc.FillText(heading, vg.Point{X: dc.Min.X + vg.Points(10), Y: dc.Max.Y - vg.Points(7)}, c.title)
	area := draw.Crop(dc, vg.Points(8), -legendWidth, vg.Points(6), -titleHeight)
	tiles := draw.Tiles{Rows: 1, Cols: len(c.panels), PadX: vg.Points(10)}
	for i, p := range c.panels {
		p.Draw(tiles.At(area, i, 0))
	}
	c.legend.Top, c.legend.Left = true, true
	c.legend.TextStyle.Font.Size = vg.Points(11)
	c.legend.TextStyle.Font.Variant = sans
	c.legend.Padding = vg.Points(4)
	c.legend.ThumbnailWidth = vg.Points(30)
	c.legend.Draw(draw.Crop(dc, dc.Size().X-legendWidth+vg.Points(8), 0, 0, -titleHeight-vg.Points(24)))
}

func (c *chart) size() (width, height vg.Length) {
	return panelWidth*vg.Length(len(c.panels)) + legendWidth, chartHeight
}

// save writes the chart as PNG and as SVG.
func (c *chart) save(dir string) error {
	width, height := c.size()
	image := vgimg.NewWith(vgimg.UseWH(width, height), vgimg.UseDPI(dpi))
	c.draw(draw.New(image))
	vector := vgsvg.New(width, height)
	c.draw(draw.New(vector))
	for extension, content := range map[string]io.WriterTo{".png": vgimg.PngCanvas{Canvas: image}, ".svg": vector} {
		if err := writeTo(filepath.Join(dir, c.name+extension), content); err != nil {
			return fmt.Errorf("chart: %w", err)
		}
	}
	return nil
}

func writeTo(path string, content io.WriterTo) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	if _, err := content.WriteTo(f); err != nil {
		_ = f.Close() // the file is of no use
		return err
	}
	return f.Close()
}

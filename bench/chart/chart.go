// Package chart draws panels beside one another, with a title and a legend, as
// PNG and SVG.
package chart

import (
	"fmt"
	"image/color"
	"io"
	"os"
	"path/filepath"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
	"gonum.org/v1/plot/vg/vgimg"
	"gonum.org/v1/plot/vg/vgsvg"
)

// A Chart is some panels and a legend for all of them.
type Chart struct {
	Name    string       // of its files, without extension
	Title   string       // above all panels
	Panels  []*plot.Plot // row by row, from above
	Columns int          // panels in a row; 0 puts all into one
	Legend  plot.Legend  // to the right, unless NoLegend
	// NoLegend leaves out the legend and its room.
	NoLegend bool
}

// New returns a chart without panels.
func New(name, title string) Chart {
	return Chart{Name: name, Title: title, Legend: plot.NewLegend()}
}

const (
	panelWidth  = 4.3 * vg.Inch
	chartHeight = 5.6 * vg.Inch // with the title and one row
	panelHeight = chartHeight - titleHeight
	legendWidth = 1.95 * vg.Inch
	titleHeight = 0.5 * vg.Inch
	dpi         = 110
)

// grid returns how the panels are laid out.
func (c *Chart) grid() (rows, columns int) {
	columns = c.Columns
	if columns <= 0 || columns > len(c.Panels) {
		columns = max(1, len(c.Panels))
	}
	return (len(c.Panels) + columns - 1) / columns, columns
}

func (c *Chart) legendRoom() vg.Length {
	if c.NoLegend {
		return vg.Points(16)
	}
	return legendWidth
}

// draw lays the chart out: the title above, the legend to the right.
func (c *Chart) draw(dc draw.Canvas) {
	dc.FillPolygon(color.White, []vg.Point{dc.Min, {X: dc.Max.X, Y: dc.Min.Y}, dc.Max, {X: dc.Min.X, Y: dc.Max.Y}})
	heading := c.Panels[0].Title.TextStyle
	heading.Font.Size = vg.Points(15)
	heading.XAlign, heading.YAlign = draw.XLeft, draw.YTop
	dc.FillText(heading, vg.Point{X: dc.Min.X + vg.Points(10), Y: dc.Max.Y - vg.Points(7)}, c.Title)
	area := draw.Crop(dc, vg.Points(8), -c.legendRoom(), vg.Points(6), -titleHeight)
	rows, columns := c.grid()
	tiles := draw.Tiles{Rows: rows, Cols: columns, PadX: vg.Points(10), PadY: vg.Points(14)}
	for i, p := range c.Panels {
		p.Draw(tiles.At(area, i%columns, i/columns))
	}
	if c.NoLegend {
		return
	}
	c.Legend.Top, c.Legend.Left = true, true
	c.Legend.TextStyle.Font.Size = vg.Points(11)
	c.Legend.TextStyle.Font.Variant = Sans
	c.Legend.Padding = vg.Points(4)
	c.Legend.ThumbnailWidth = vg.Points(30)
	c.Legend.Draw(draw.Crop(dc, dc.Size().X-legendWidth+vg.Points(8), 0, 0, -titleHeight-vg.Points(24)))
}

func (c *Chart) size() (width, height vg.Length) {
	rows, columns := c.grid()
	return panelWidth*vg.Length(columns) + c.legendRoom(), chartHeight + panelHeight*vg.Length(rows-1)
}

// Save writes the chart into a directory, as PNG and as SVG. One without panels
// writes nothing.
func (c *Chart) Save(dir string) error {
	if len(c.Panels) == 0 {
		return nil
	}
	width, height := c.size()
	image := vgimg.NewWith(vgimg.UseWH(width, height), vgimg.UseDPI(dpi))
	c.draw(draw.New(image))
	vector := vgsvg.New(width, height)
	c.draw(draw.New(vector))
	for extension, content := range map[string]io.WriterTo{".png": vgimg.PngCanvas{Canvas: image}, ".svg": vector} {
		if err := writeTo(filepath.Join(dir, c.Name+extension), content); err != nil {
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

package report

import (
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// bars is a set of horizontal bars, one for each place on the vertical axis,
// with its value written behind it. Package plotter's begin at zero, which a
// logarithmic axis has not; these begin at its lowest value.
type bars struct {
	values []float64 // NaN for none
	label  func(float64) string
	colour color.Color
	offset vg.Length // of the middle of the bar
	width  vg.Length
}

// Plot implements plot.Plotter.
func (b *bars) Plot(c draw.Canvas, p *plot.Plot) {
	toX, toY := p.Transforms(&c)
	text := p.X.Tick.Label
	text.XAlign, text.YAlign = draw.XLeft, draw.YCenter
	text.Font.Size = vg.Points(9)
	lift := vg.Points(1.5) // the middle of a line of digits is above that of letters
	for place, v := range b.values {
		y := toY(float64(place)) + b.offset
		left, right := c.Min.X, toX(math.Max(v, p.X.Min))
		if math.IsNaN(v) {
			c.FillText(text, vg.Point{X: left + vg.Points(4), Y: y + lift}, "—")
			continue
		}
		low, high := y-b.width/2, y+b.width/2
		c.FillPolygon(b.colour, []vg.Point{{X: left, Y: low}, {X: right, Y: low}, {X: right, Y: high}, {X: left, Y: high}})
		c.FillText(text, vg.Point{X: right + vg.Points(4), Y: y + lift}, b.label(v))
	}
}

// Thumbnail implements plot.Thumbnailer.
func (b *bars) Thumbnail(c *draw.Canvas) {
	c.FillPolygon(b.colour, []vg.Point{c.Min, {X: c.Max.X, Y: c.Min.Y}, c.Max, {X: c.Min.X, Y: c.Max.Y}})
}

package chart

import (
	"image/color"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// Bars is a set of horizontal bars, one for each place on the vertical axis,
// with its value written behind it. Package plotter's begin at zero, which a
// logarithmic axis has not; these begin at its lowest value.
type Bars struct {
	Values []float64            // by place, from below; NaN for none
	Label  func(float64) string // writes a value
	Colour color.Color          // of all
	Offset vg.Length            // of the middle of the bar from its place, upwards
	Width  vg.Length            // of a bar
	Blank  bool                 // nothing where there is no value, instead of a dash
}

// Plot implements plot.Plotter.
func (b *Bars) Plot(c draw.Canvas, p *plot.Plot) {
	toX, toY := p.Transforms(&c)
	text := p.X.Tick.Label
	text.XAlign, text.YAlign = draw.XLeft, draw.YCenter
	text.Font.Size = vg.Points(9)
	lift := vg.Points(1.5) // the middle of a line of digits is above that of letters
	for place, v := range b.Values {
		y := toY(float64(place)) + b.Offset
		left, right := c.Min.X, toX(math.Max(v, p.X.Min))
		if math.IsNaN(v) {
			if !b.Blank {
				c.FillText(text, vg.Point{X: left + vg.Points(4), Y: y + lift}, "—")
			}
			continue
		}
		low, high := y-b.Width/2, y+b.Width/2
		c.FillPolygon(b.Colour, []vg.Point{{X: left, Y: low}, {X: right, Y: low}, {X: right, Y: high}, {X: left, Y: high}})
		c.FillText(text, vg.Point{X: right + vg.Points(4), Y: y + lift}, b.Label(v))
	}
}

// Thumbnail implements plot.Thumbnailer.
func (b *Bars) Thumbnail(c *draw.Canvas) {
	c.FillPolygon(b.Colour, []vg.Point{c.Min, {X: c.Max.X, Y: c.Min.Y}, c.Max, {X: c.Min.X, Y: c.Max.Y}})
}

// BarPanel is a panel with names on its vertical axis, the first on top: at
// place len(names)-1 of Bars.Values.
func BarPanel(title, unit string, names []string) *plot.Plot {
	p := plot.New()
	Decent(p)
	p.Title.Text, p.X.Label.Text = title, unit
	upwards := slices.Clone(names)
	slices.Reverse(upwards)
	if len(names) > 0 {
		p.NominalY(upwards...)
	}
	p.Y.Min, p.Y.Max = -0.6, float64(len(names))-0.4
	return p
}

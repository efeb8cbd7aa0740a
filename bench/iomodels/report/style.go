package report

import (
	"image/color"
	"math"
	"slices"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"
)

// A style sets one model apart from the others by three things at once: colour,
// dashes and the shape of its points, so that a print without colour will do.
type style struct {
	colour color.RGBA
	dashes []vg.Length
	shape  draw.GlyphDrawer
}

// styles are given to the models in their order. The colours are those of Okabe
// and Ito, which people with any colour vision can tell apart, and two more.
func styles() []style {
	long, short := []vg.Length{vg.Points(6), vg.Points(3)}, []vg.Length{vg.Points(2), vg.Points(2)}
	return []style{
		{color.RGBA{R: 0xd5, G: 0x5e, A: 0xff}, nil, draw.CircleGlyph{}},
		{color.RGBA{R: 0xd5, G: 0x5e, A: 0xff}, short, draw.RingGlyph{}},
		{color.RGBA{R: 0x00, G: 0x9e, B: 0x73, A: 0xff}, nil, draw.SquareGlyph{}},
		{color.RGBA{A: 0xff}, long, draw.CrossGlyph{}},
		{color.RGBA{R: 0xe6, G: 0x9f, A: 0xff}, nil, draw.TriangleGlyph{}},
		{color.RGBA{R: 0x8c, G: 0x56, B: 0x4b, A: 0xff}, long, draw.PlusGlyph{}},
		{color.RGBA{G: 0x72, B: 0xb2, A: 0xff}, nil, draw.PyramidGlyph{}},
		{color.RGBA{R: 0x56, G: 0xb4, B: 0xe9, A: 0xff}, long, draw.BoxGlyph{}},
		{color.RGBA{R: 0x99, G: 0x99, B: 0x99, A: 0xff}, short, draw.PyramidGlyph{}},
		{color.RGBA{R: 0xcc, G: 0x79, B: 0xa7, A: 0xff}, nil, draw.CircleGlyph{}},
	}
}

func (s style) line() draw.LineStyle {
	return draw.LineStyle{Color: s.colour, Width: vg.Points(1.8), Dashes: s.dashes}
}

func (s style) glyph() draw.GlyphStyle {
	return draw.GlyphStyle{Color: s.colour, Radius: vg.Points(3.2), Shape: s.shape}
}

// decades marks an axis that is logarithmic at each power of ten, and where few of
// those are in sight, at twice and five times each as well.
type decades struct{}

// Ticks implements plot.Ticker.
func (decades) Ticks(lowest, highest float64) []plot.Tick {
	const few = 4
	first, last := math.Ceil(math.Log10(lowest)), math.Floor(math.Log10(highest))
	var ticks []plot.Tick
	for e := first - 1; e <= last; e++ {
		whole := math.Pow(10, e)
		ticks = append(ticks, plot.Tick{Value: whole, Label: short(whole)})
		for _, part := range []float64{2, 5} {
			tick := plot.Tick{Value: part * whole}
			if last-first+1 < few {
				tick.Label = short(tick.Value)
			}
			ticks = append(ticks, tick)
		}
	}
	// One beyond the end would not be drawn, and have room kept for it.
	return slices.DeleteFunc(ticks, func(t plot.Tick) bool { return t.Value < lowest || t.Value > highest })
}

// short writes a round number as briefly as an axis needs it: 10k, 0.01.
func short(v float64) string {
	switch {
	case v >= 1e6:
		return strconv.FormatFloat(v/1e6, 'f', -1, 64) + "M"
	case v >= 1e3:
		return strconv.FormatFloat(v/1e3, 'f', -1, 64) + "k"
	}
	return strconv.FormatFloat(v, 'f', -1, 64)
}

func logarithmic(axis *plot.Axis, lowest, highest float64) {
	axis.Scale, axis.Tick.Marker = plot.LogScale{}, decades{}
	axis.Min, axis.Max = lowest, highest
}

// sans is the variant of the built-in font that reads best when it is small.
const sans = "Sans"

// decent sets what all panels have in common.
func decent(p *plot.Plot) {
	p.Title.TextStyle.Font.Size = vg.Points(12)
	p.Title.TextStyle.Font.Variant = sans
	p.Title.Padding = vg.Points(8)
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		axis.Label.TextStyle.Font.Variant, axis.Tick.Label.Font.Variant = sans, sans
		axis.Label.TextStyle.Font.Size = vg.Points(11)
		axis.Tick.Label.Font.Size = vg.Points(10)
		axis.Padding = 0
	}
}

func gridStyle() draw.LineStyle {
	return draw.LineStyle{Color: color.Gray{Y: 0xdd}, Width: vg.Points(0.6)}
}

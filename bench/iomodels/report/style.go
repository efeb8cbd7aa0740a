package report

import (
	"image/color"

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

func gridStyle() draw.LineStyle {
	return draw.LineStyle{Color: color.Gray{Y: 0xdd}, Width: vg.Points(0.6)}
}

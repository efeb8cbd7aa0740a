package chart

import (
	"math"
	"slices"
	"strconv"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
)

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

// Logarithmic gives an axis that scale, from lowest to highest, both above 0.
func Logarithmic(axis *plot.Axis, lowest, highest float64) {
	axis.Scale, axis.Tick.Marker = plot.LogScale{}, decades{}
	axis.Min, axis.Max = lowest, highest
}

// Sans is the variant of the built-in font that reads best when it is small.
const Sans = "Sans"

// Decent sets what all panels have in common.
func Decent(p *plot.Plot) {
	p.Title.TextStyle.Font.Size = vg.Points(12)
	p.Title.TextStyle.Font.Variant = Sans
	p.Title.Padding = vg.Points(8)
	for _, axis := range []*plot.Axis{&p.X, &p.Y} {
		axis.Label.TextStyle.Font.Variant, axis.Tick.Label.Font.Variant = Sans, Sans
		axis.Label.TextStyle.Font.Size = vg.Points(11)
		axis.Tick.Label.Font.Size = vg.Points(10)
		axis.Padding = 0
	}
}

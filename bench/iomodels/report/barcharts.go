package report

import (
	"image/color"
	"math"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"

	"ftpd/bench/chart"
)

// The colours of bars: one for a value alone, a pair for two to be compared.
func barColours() (plain, first, second color.Color) {
	return color.RGBA{G: 0x72, B: 0xb2, A: 0xff}, color.RGBA{R: 0x56, G: 0xb4, B: 0xe9, A: 0xff}, color.RGBA{R: 0xd5, G: 0x5e, A: 0xff}
}

// A bar alone, and each of a pair: far enough apart for a value behind either.
const (
	barWidth   = 14 * vg.Inch / 72
	pairWidth  = 9 * vg.Inch / 72
	pairOffset = 5.2 * vg.Inch / 72
)

// fullest returns for each model, the last first, the value of its idle row with
// the most connections that has one; NaN where none has.
func fullest(rows []Row, models []string, column Column) []float64 {
	values := make([]float64, len(models))
	for i, model := range models {
		place := len(models) - 1 - i
		values[place] = math.NaN()
		most := -1
		for _, r := range rows {
			if r.Experiment == Idle && r.Model == model && r.Idle > most && !math.IsNaN(r.Values[column]) {
				most, values[place] = r.Idle, r.Values[column]
			}
		}
	}
	return values
}

// greatest is for the end of an axis: never below floor.
func greatest(floor float64, lists ...[]float64) float64 {
	for _, list := range lists {
		for _, v := range list {
			if v > floor { // not so for NaN
				floor = v
			}
		}
	}
	return floor
}

// atRest shows what servers use while nobody asks, each with as many connections
// as it was given and could take.
func atRest(rows []Row) chart.Chart {
	models := modelsOf(rows, Idle)
	if len(models) == 0 {
		return chart.Chart{}
	}
	plain, first, second := barColours()
	c := chart.New("idle", "At rest, 10,000 connections asked for (select serves those below descriptor 1,024, thread-pool 256): lower is better")

	processor := chart.BarPanel("processor", "share of one processor", models)
	share := fullest(rows, models, IdleCPU)
	processor.X.Min, processor.X.Max = 0, 1.2
	processor.Add(&chart.Bars{Values: share, Label: IdleCPU.pretty, Colour: plain, Width: barWidth})

	memory := chart.BarPanel("memory", "bytes for each connection", models)
	own, kernel := fullest(rows, models, User), fullest(rows, models, Kernel)
	chart.Logarithmic(&memory.X, 100, 8*greatest(1000, own, kernel))
	ownBars := &chart.Bars{Values: own, Label: User.pretty, Colour: first, Width: pairWidth, Offset: pairOffset}
	kernelBars := &chart.Bars{Values: kernel, Label: Kernel.pretty, Colour: second, Width: pairWidth, Offset: -pairOffset}
	memory.Add(ownBars, kernelBars)
	c.Legend.Add("own memory", ownBars)
	c.Legend.Add("kernel, both ends", kernelBars)

	threads := chart.BarPanel("threads", "threads of the server", models)
	count := fullest(rows, models, Threads)
	chart.Logarithmic(&threads.X, 1, 8*greatest(10, count))
	threads.Add(&chart.Bars{Values: count, Label: Threads.pretty, Colour: plain, Width: barWidth})
	c.Panels = []*plot.Plot{processor, memory, threads}
	return c
}

// heavyChart compares what 16 clients wait for, with and without another one
// whose handler blocks.
func heavyChart(rows []Row) chart.Chart {
	models := modelsOf(rows, Heavy)
	if len(models) == 0 {
		return chart.Chart{}
	}
	_, first, second := barColours()
	c := chart.New("heavy", "What 16 clients wait, and the same beside a client whose handler blocks for 50 ms: lower is better")
	for _, column := range []Column{P50, P99} {
		p := chart.BarPanel(map[Column]string{P50: "median (p50)", P99: "99 of 100 (p99)"}[column], "µs to the answer", models)
		calm := &chart.Bars{Values: ofModels(rows, models, Calm, column), Label: column.pretty, Colour: first, Width: pairWidth, Offset: pairOffset}
		heavy := &chart.Bars{Values: ofModels(rows, models, Heavy, column), Label: column.pretty, Colour: second, Width: pairWidth, Offset: -pairOffset}
		chart.Logarithmic(&p.X, 10, 8*greatest(1000, calm.Values, heavy.Values))
		p.Add(calm, heavy)
		if len(c.Panels) == 0 {
			c.Legend.Add("alone", calm)
			c.Legend.Add("beside heavy", heavy)
		}
		c.Panels = append(c.Panels, p)
	}
	return c
}

// ofModels returns the values of one experiment, the last model's first.
func ofModels(rows []Row, models []string, e Experiment, column Column) []float64 {
	values := make([]float64, len(models))
	for i, model := range models {
		place := len(models) - 1 - i
		values[place] = math.NaN()
		for _, r := range rows {
			if r.Experiment == e && r.Model == model {
				values[place] = r.Values[column]
			}
		}
	}
	return values
}

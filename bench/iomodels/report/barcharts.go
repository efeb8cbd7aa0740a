package report

import (
	"image/color"
	"math"
	"slices"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/vg"
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

// barPanel is a panel with the models on its vertical axis, the first on top.
func barPanel(title, unit string, models []string) *plot.Plot {
	p := plot.New()
	decent(p)
	p.Title.Text, p.X.Label.Text = title, unit
	names := slices.Clone(models)
	slices.Reverse(names)
	p.NominalY(names...)
	p.Y.Min, p.Y.Max = -0.6, float64(len(models))-0.4
	return p
}

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
func atRest(rows []Row) chart {
	models := modelsOf(rows, Idle)
	if len(models) == 0 {
		return chart{}
	}
	plain, first, second := barColours()
	c := chart{name: "idle", title: "At rest, 10,000 connections asked for (select serves those below descriptor 1,024, thread-pool 256): lower is better", legend: plot.NewLegend()}

	processor := barPanel("processor", "share of one processor", models)
	share := fullest(rows, models, IdleCPU)
	processor.X.Min, processor.X.Max = 0, 1.2
	processor.Add(&bars{values: share, label: IdleCPU.pretty, colour: plain, width: barWidth})

	memory := barPanel("memory", "bytes for each connection", models)
	own, kernel := fullest(rows, models, User), fullest(rows, models, Kernel)
	logarithmic(&memory.X, 100, 8*greatest(1000, own, kernel))
	ownBars := &bars{values: own, label: User.pretty, colour: first, width: pairWidth, offset: pairOffset}
	kernelBars := &bars{values: kernel, label: Kernel.pretty, colour: second, width: pairWidth, offset: -pairOffset}
	memory.Add(ownBars, kernelBars)
	c.legend.Add("own memory", ownBars)
	c.legend.Add("kernel, both ends", kernelBars)

	threads := barPanel("threads", "threads of the server", models)
	count := fullest(rows, models, Threads)
	logarithmic(&threads.X, 1, 8*greatest(10, count))
	threads.Add(&bars{values: count, label: Threads.pretty, colour: plain, width: barWidth})
	c.panels = []*plot.Plot{processor, memory, threads}
	return c
}

// heavyChart compares what 16 clients wait for, with and without another one
// whose handler blocks.
func heavyChart(rows []Row) chart {
	models := modelsOf(rows, Heavy)
	if len(models) == 0 {
		return chart{}
	}
	_, first, second := barColours()
	c := chart{name: "heavy", title: "What 16 clients wait, and the same beside a client whose handler blocks for 50 ms: lower is better", legend: plot.NewLegend()}
	for _, column := range []Column{P50, P99} {
		p := barPanel(map[Column]string{P50: "median (p50)", P99: "99 of 100 (p99)"}[column], "µs to the answer", models)
		calm := &bars{values: ofModels(rows, models, Calm, column), label: column.pretty, colour: first, width: pairWidth, offset: pairOffset}
		heavy := &bars{values: ofModels(rows, models, Heavy, column), label: column.pretty, colour: second, width: pairWidth, offset: -pairOffset}
		logarithmic(&p.X, 10, 8*greatest(1000, calm.values, heavy.values))
		p.Add(calm, heavy)
		if len(c.panels) == 0 {
			c.legend.Add("alone", calm)
			c.legend.Add("beside heavy", heavy)
		}
		c.panels = append(c.panels, p)
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

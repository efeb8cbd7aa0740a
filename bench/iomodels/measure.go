//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"time"

	"ftpd/bench/iomodels/load"
	"ftpd/bench/iomodels/models"
	"ftpd/bench/iomodels/proc"
	"ftpd/bench/iomodels/report"
)

// measurement is what was measured so far.
type measurement struct {
	plan    plan
	models  []models.Model
	heavy   []models.Model // those beside a heavy client
	samples []report.Row
	missing map[string]bool // models that are not available here
	notes   *log.Logger
}

// measureAll measures, prints the table, and writes the files that are wanted.
func measureAll(ctx context.Context, o options, stdout io.Writer, notes *log.Logger) error {
	m := &measurement{plan: o.plan, missing: make(map[string]bool), notes: notes}
	for _, model := range models.All() {
		if o.model == "" || o.model == model.Name {
			m.models = append(m.models, model)
			m.heavy = append(m.heavy, model)
		}
	}
	if offload, ok := models.Find("epoll-offload"); ok && (o.model == "" || o.model == offload.Name) {
		m.heavy = append(m.heavy, offload)
	}
	begun := time.Now()
	if err := m.prepare(); err != nil {
		return err
	}
	rounds, err := m.rounds(ctx, begun.Add(o.plan.limit))
	rows := report.Medians(m.samples)
	heading := described(o.plan, rounds, time.Since(begun))
	if _, printErr := io.WriteString(stdout, heading+"\n\n"+report.Markdown(rows)); printErr != nil {
		err = errors.Join(err, fmt.Errorf("print: %w", printErr))
	}
	if err != nil || o.out == "" {
		return err
	}
	return report.Write(o.out, heading, rows)
}

// rounds measures all models in turns, so that what disturbs the machine for a
// while disturbs all of them, and returns how many rounds were begun. Each
// round begins with another model, so that none always follows the same one.
func (m *measurement) rounds(ctx context.Context, deadline time.Time) (begun int, err error) {
	for round := range m.plan.rounds {
		for _, step := range m.steps(round) {
			if time.Now().After(deadline) {
				m.notes.Printf("the time is up in round %d of %d: the rest is left out", round+1, m.plan.rounds)
				return round + 1, nil
			}
			if err := step(ctx); err != nil {
				return round + 1, err
			}
		}
	}
	return m.plan.rounds, nil
}

func (m *measurement) steps(round int) []func(context.Context) error {
	var steps []func(context.Context) error
	add := func(list []models.Model, take func(context.Context, *server, string) error) {
		for i := range list {
			model := list[(i+round)%len(list)]
			steps = append(steps, func(ctx context.Context) error { return m.with(ctx, model.Name, take) })
		}
	}
	for _, idle := range m.plan.idle {
		add(m.models, func(ctx context.Context, s *server, model string) error {
			return m.rung(ctx, s, model, idle)
		})
	}
	add(m.heavy, m.besideHeavy)
	return steps
}

// with runs a server of the model while something is measured.
func (m *measurement) with(ctx context.Context, model string, take func(context.Context, *server, string) error) error {
	if m.missing[model] {
		return nil
	}
	s, err := startServer(ctx, model)
	if err != nil {
		return err
	}
	before := len(m.samples)
	takeErr := take(ctx, s, model)
	stopErr := s.stop()
	m.explain(s, before)
	switch {
	case errors.Is(stopErr, models.ErrUnavailable):
		m.missing[model] = true
		m.samples = m.samples[:before]
		m.notes.Printf("%s is left out: %v", model, stopErr)
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("stopped in %s: %w", model, context.Cause(ctx))
	case takeErr != nil || stopErr != nil:
		return fmt.Errorf("%s: %w", model, errors.Join(takeErr, stopErr))
	}
	return nil
}

// explain replaces what the generator saw go wrong by what the server has said of
// it, now that all it said has been read.
func (m *measurement) explain(s *server, from int) {
	note := s.note(saysNote)
	for i := range m.samples[from:] {
		if row := &m.samples[from+i]; note != "" && row.Note != "" {
			row.Note = note
		}
	}
}

// rung measures one server with so many idle connections: at rest, and then with
// each number of active ones besides.
func (m *measurement) rung(ctx context.Context, s *server, model string, idle int) (err error) {
	g, err := startGenerator(ctx, s.address)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.stop()) }()
	row, opened, err := m.atRest(ctx, s, g, report.Key{Experiment: report.Idle, Model: model, Idle: idle})
	if err != nil {
		return err
	}
	m.samples = append(m.samples, row)
	for _, active := range m.plan.active {
		row := report.NewRow(report.Key{Experiment: report.Busy, Model: model, Idle: idle, Active: active})
		if opened < idle {
			row.Note = m.samples[len(m.samples)-1].Note
			m.samples = append(m.samples, row)
			continue
		}
		if err := m.busy(s, g, &row, load.Command{Active: active, Measure: m.plan.measure}); err != nil {
			return err
		}
	}
	return nil
}

// atRest opens the idle connections and watches the server do nothing.
func (m *measurement) atRest(ctx context.Context, s *server, g *generator, key report.Key) (row report.Row, opened int, err error) {
	row = report.NewRow(key)
	pid := s.cmd.Process.Pid
	before, err := readMemory(pid)
	if err != nil {
		return row, 0, err
	}
	r, err := g.do(load.Command{Idle: key.Idle})
	if err != nil {
		return row, 0, err
	}
	after, err := readMemory(pid)
	if err != nil {
		return row, 0, err
	}
	if r.Opened < key.Idle {
		row.Note = trouble(r, key.Idle)
	}
	if r.Opened >= 100 { // for fewer, what was there before weighs more
		row.Values[report.User] = float64(after.user-before.user) / float64(r.Opened)
	}
	if r.Opened >= 5000 { // for fewer, the rest of the machine weighs more
		row.Values[report.Kernel] = float64(after.kernel-before.kernel) / float64(r.Opened)
	}
	if err := pause(ctx, m.plan.settle); err != nil {
		return row, 0, err
	}
	settled, err := proc.ReadStatus(pid)
	if err != nil {
		return row, 0, err
	}
	row.Values[report.Threads] = float64(settled.Threads)
	row.Values[report.IdleCPU], err = idleShare(ctx, pid, m.plan.rest)
	return row, r.Opened, err
}

// trouble says in a few words why not all connections are served.
func trouble(r load.Report, wanted int) string {
	if r.Trouble == "" {
		return "no answer while it was measured"
	}
	return fmt.Sprintf("%d of %d connections served: %s", r.Opened, wanted, r.Trouble)
}

// busy measures active connections and keeps the row.
func (m *measurement) busy(s *server, g *generator, row *report.Row, c load.Command) error {
	c.PID, c.Warm = s.cmd.Process.Pid, m.plan.warm
	r, err := g.do(c)
	if err != nil {
		return err
	}
	if r.Trouble != "" || r.Requests == 0 {
		row.Note = trouble(r, c.Active)
		m.samples = append(m.samples, *row)
		return nil
	}
	requests := float64(r.Requests)
	micro := func(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
	row.Values[report.Requests] = requests / r.Elapsed.Seconds()
	row.Values[report.P50], row.Values[report.P99] = micro(r.P50), micro(r.P99)
	row.Values[report.CPU] = r.CPU.Seconds() / requests * 100_000
	row.Values[report.Calls] = float64(r.Calls) / requests
	if r.Sleeps >= 0 {
		row.Values[report.Sleeps] = float64(r.Sleeps) / requests
	}
	m.samples = append(m.samples, *row)
	return nil
}

// besideHeavy measures what clients have to wait while there is no other, and
// while the handler of another blocks again and again.
func (m *measurement) besideHeavy(ctx context.Context, s *server, model string) (err error) {
	g, err := startGenerator(ctx, s.address)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, g.stop()) }()
	for heavy, experiment := range []report.Experiment{report.Calm, report.Heavy} {
		row := report.NewRow(report.Key{Experiment: experiment, Model: model, Active: heavyActive})
		command := load.Command{Active: heavyActive, Heavy: heavy, Measure: m.plan.heavy}
		if err := m.busy(s, g, &row, command); err != nil {
			return err
		}
	}
	return nil
}

// memory is what a server, and the kernel, have in use.
type memory struct {
	user, kernel int64
}

func readMemory(pid int) (memory, error) {
	status, err := proc.ReadStatus(pid)
	if err != nil {
		return memory{}, err
	}
	kernel, err := proc.Kernel()
	return memory{user: status.Anon, kernel: kernel}, err
}

// idleShare watches a process for a while: 1 is one processor.
func idleShare(ctx context.Context, pid int, while time.Duration) (float64, error) {
	before, err := proc.CPU(pid)
	if err != nil {
		return 0, err
	}
	begun := time.Now()
	if err := pause(ctx, while); err != nil {
		return 0, err
	}
	after, err := proc.CPU(pid)
	return (after - before).Seconds() / time.Since(begun).Seconds(), err
}

// pause lets a server alone for a while.
func pause(ctx context.Context, while time.Duration) error {
	select {
	case <-time.After(while):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"log"
	"os"
	"path/filepath"
	"slices"
	"time"

	"ftpd/bench/peers/process"
	"ftpd/bench/peers/tools"
	"ftpd/bench/relay"
)

// copyLimit is how long one copy may take: a tool that hangs costs no more.
const copyLimit = 15 * time.Minute

// errSlow is a copy that took longer.
var errSlow = fmt.Errorf("not done after %v", copyLimit)

// sample is one copy, from the start of the client to its end.
type sample struct {
	row
	client             string
	wall               time.Duration
	onClient, onServer time.Duration // processor time, user and system
}

// row identifies what is measured more than once.
type row struct {
	place string
	task  task
	tool  string
	delay time.Duration // each way, where a relay stands between
}

// measurement is what was measured so far.
type measurement struct {
	options options
	tools   []tools.Tool
	places  []*place
	samples []sample
	absent  map[string]error // tools that cannot be measured here, and why
	dropped map[row]bool     // whose copy failed
	failed  []error
	short   bool   // it was stopped before all runs were done
	relayed bool   // clients reach servers through a relay
	load    string // of the machine before
	notes   *log.Logger
}

func newMeasurement(o options, chosen []tools.Tool, notes *log.Logger) *measurement {
	return &measurement{options: o, tools: chosen, absent: make(map[string]error), dropped: make(map[row]bool), load: load(), notes: notes}
}

// all takes every sample. The error joins what went wrong; samples holds what
// was measured nevertheless.
func (m *measurement) all(ctx context.Context) (err error) {
	defer func() {
		for _, p := range m.places {
			err = errors.Join(err, p.remove())
		}
	}()
	kinds := m.options.kinds()
	if err := m.prepare(kinds); err != nil {
		return err
	}
	return errors.Join(m.rounds(ctx, tasks(kinds)), errors.Join(m.failed...))
}

// prepare makes the places and their sources.
func (m *measurement) prepare(kinds []kind) error {
	for _, parent := range []string{m.options.memory, m.options.disk} {
		if parent == "" {
			continue
		}
		if _, err := os.Stat(parent); err != nil {
			m.notes.Printf("nothing is measured in %s: %v", parent, err)
			continue
		}
		p, err := newPlace(parent, kinds)
		if err != nil {
			return err
		}
		m.places = append(m.places, p)
	}
	return nil
}

// rounds takes the samples, the tools in turns: what disturbs the machine for a
// while disturbs all of them. Each round begins with another tool, so that none
// always follows the same one. A round is complete in all places before the
// next one begins, so that whatever time there is, each has been measured as
// often as the others.
func (m *measurement) rounds(ctx context.Context, tasks []task) error {
	for round := range m.options.runs {
		for _, p := range m.places {
			for _, t := range tasks {
				m.notes.Printf("round %d of %d: %s in %s", round+1, m.options.runs, t, p.parent)
				if err := m.turn(ctx, p, t, 0, round); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// turn lets each tool do one task once.
func (m *measurement) turn(ctx context.Context, p *place, t task, delay time.Duration, round int) error {
	for i := range m.tools {
		tool := m.tools[(i+round)%len(m.tools)]
		if err := m.sample(ctx, p, row{p.parent, t, tool.Name, delay}, tool); err != nil {
			return err
		}
	}
	return nil
}

// sample measures one copy. An error ends the run; what is wrong with a tool is
// noted, and its row left out from then on.
func (m *measurement) sample(ctx context.Context, p *place, of row, tool tools.Tool) error {
	t := of.task
	if m.absent[tool.Name] != nil || m.dropped[of] || tool.PutOnly && t.direction == get || tool.FileOnly && t.tree() {
		return nil
	}
	taken, err := m.copy(ctx, p, of, tool)
	var absent *absentError
	switch {
	case err == nil:
		taken.row = of
		m.samples = append(m.samples, taken)
	case ctx.Err() != nil:
		m.short = true
		return fmt.Errorf("stopped in %s by %s: %w", t, tool.Name, context.Cause(ctx))
	case errors.As(err, &absent) && tool.Required:
		return fmt.Errorf("%s: %w", tool.Name, err)
	case errors.As(err, &absent):
		m.absent[tool.Name] = err
		m.notes.Printf("%s is left out: %v", tool.Name, err)
	case errors.Is(err, tools.ErrUnsupported):
		m.dropped[of] = true
		m.notes.Printf("%s is left out of %s: %v", tool.Name, t, err)
	default:
		m.drop(of, fmt.Errorf("%s by %s in %s: %w", t, tool.Name, p.parent, err))
	}
	return nil
}

// drop takes a row out: a tool whose copy is wrong has no time.
func (m *measurement) drop(of row, why error) {
	m.dropped[of] = true
	m.failed = append(m.failed, why)
	m.samples = slices.DeleteFunc(m.samples, func(s sample) bool { return s.row == of })
	m.notes.Print(why)
}

// absentError is why a tool cannot be measured here at all.
type absentError struct{ err error }

func (e *absentError) Error() string { return e.err.Error() }
func (e *absentError) Unwrap() error { return e.err }

// copy copies into a new directory with a new server, and verifies the copy.
func (m *measurement) copy(ctx context.Context, p *place, of row, tool tools.Tool) (taken sample, err error) {
	ctx, cancel := context.WithTimeoutCause(ctx, copyLimit, errSlow)
	defer cancel()
	t := of.task
	into, its, err := p.next(t.kind)
	if err != nil {
		return taken, err
	}
	defer func() { err = errors.Join(err, p.discard(into, t.kind)) }()
	s, err := tool.Start(ctx, its)
	if err != nil {
		return taken, &absentError{err}
	}
	taken, err = m.run(ctx, p, s, of, into)
	taken.client = tool.File
	if t.tree() {
		taken.client = tool.Tree
	}
	err = errors.Join(err, s.Stop())
	if err == nil {
		err = p.verify(into, t.kind)
	}
	return taken, err
}

// run measures one copy by a client, directly or through a relay.
func (m *measurement) run(ctx context.Context, p *place, s *tools.Session, of row, into string) (taken sample, err error) {
	if !m.relayed {
		return p.timed(ctx, s, s.Client(s.Address), of.task, into)
	}
	between, err := relay.Start(s.Address, of.delay)
	if err != nil {
		return taken, err
	}
	defer func() { err = errors.Join(err, between.Close()) }()
	return p.timed(ctx, s, s.Client(between.Address()), of.task, into)
}

// timed is the part that counts.
func (p *place) timed(ctx context.Context, s *tools.Session, client tools.Client, t task, into string) (taken sample, err error) {
	from, to := source(t.kind), filepath.Join(into, t.name())
	var command process.Command
	if t.direction == put {
		command, err = client.Put(tools.Copy{Local: filepath.Join(p.dir, from), Remote: to, Tree: t.tree()})
	} else {
		command, err = client.Get(tools.Copy{Local: filepath.Join(p.dir, to), Remote: from, Tree: t.tree()})
	}
	if err != nil {
		return taken, err
	}
	if err := p.settle(ctx); err != nil {
		return taken, err
	}
	before, err := s.CPU(ctx)
	if err != nil {
		return taken, err
	}
	usage, err := process.Run(ctx, command)
	if err != nil {
		return taken, errors.Join(err, context.Cause(ctx))
	}
	after, err := s.CPU(ctx)
	return sample{wall: usage.Wall, onClient: usage.CPU, onServer: after - before}, err
}

// settle sees to it that what an earlier copy left to be written does not slow
// the next one down.
func (p *place) settle(ctx context.Context) error {
	if p.memory {
		return nil
	}
	_, err := process.Run(ctx, process.Command{Line: []string{"sync", "-f", p.dir}})
	return err
}

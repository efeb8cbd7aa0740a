//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"
	"strconv"
	"time"

	"ftpd/internal/trial"
)

// sample is one copy, from the start of the client to its end.
type sample struct {
	wall           time.Duration
	client, server time.Duration // processor time, user and system
}

// row identifies what is measured more than once.
type row struct {
	task task
	peer string
}

// measurement is what was measured on one file system.
type measurement struct {
	place   string
	options options
	peers   []peer
	samples map[row][]sample
	missing map[string]bool // tools that are not installed
	copies  int             // that were begun
}

// measureAll measures on each file system and prints a table for each.
func measureAll(ctx context.Context, o options, tools []peer, out io.Writer, notes *log.Logger) error {
	if _, err := fmt.Fprintln(out, heading(o)); err != nil {
		return err
	}
	for _, parent := range []string{o.memory, o.disk} {
		if parent == "" {
			continue
		}
		if _, err := os.Stat(parent); err != nil {
			notes.Printf("nothing is measured in %s: %v", parent, err)
			continue
		}
		if err := measureIn(ctx, parent, o, tools, out, notes); err != nil {
			return err
		}
	}
	return nil
}

// measureIn works in a new directory, which is gone afterwards.
func measureIn(ctx context.Context, parent string, o options, tools []peer, out io.Writer, notes *log.Logger) (err error) {
	place, err := os.MkdirTemp(parent, "ftpd-peers-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(place)) }()
	if err := makeSource(place, o); err != nil {
		return err
	}
	m := &measurement{place: place, options: o, peers: tools, samples: make(map[row][]sample), missing: make(map[string]bool)}
	measureErr := m.rounds(ctx)
	for name := range m.missing {
		notes.Printf("%s is not installed: its rows are left out", name)
	}
	_, printErr := io.WriteString(out, m.table(parent))
	return errors.Join(measureErr, printErr)
}

// rounds takes every sample, the tools in turns: what disturbs the machine for
// a while disturbs all of them. Each round begins with another tool, so that
// none always follows the same one.
func (m *measurement) rounds(ctx context.Context) error {
	for round := range m.options.runs {
		for _, t := range tasks(m.options) {
			for i := range m.peers {
				if err := m.sample(ctx, m.peers[(i+round)%len(m.peers)], t); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

func (m *measurement) sample(ctx context.Context, p peer, t task) error {
	if m.missing[p.name] {
		return nil
	}
	taken, err := m.copy(ctx, p, t)
	switch {
	case errors.Is(err, errMissing):
		m.missing[p.name] = true
		return nil
	case ctx.Err() != nil:
		return fmt.Errorf("stopped in %s of %s: %w", t, p.name, context.Cause(ctx))
	case err != nil:
		return fmt.Errorf("%s by %s: %w", t, p.name, err)
	}
	of := row{t, p.name}
	m.samples[of] = append(m.samples[of], taken)
	return nil
}

// copy copies into a new directory with a new server, and verifies the copy.
//
// Copies of trees stay until the end: for minutes after many files were removed,
// ext4 is slow to make others (it passes over each inode that was freed lately),
// and whoever comes next would pay for what the one before left.
func (m *measurement) copy(ctx context.Context, p peer, t task) (taken sample, err error) {
	m.copies++
	into := filepath.Join(targetDir, strconv.Itoa(m.copies))
	target := filepath.Join(m.place, into)
	if err := os.MkdirAll(target, 0o777); err != nil {
		return taken, err
	}
	if !t.tree {
		defer func() { err = errors.Join(err, os.RemoveAll(target)) }()
	}
	s, err := p.start(m.place)
	if err != nil {
		return taken, err
	}
	usage, err := m.timed(ctx, s, t, into)
	if err == nil {
		_, err = trial.Compare(filepath.Join(m.place, sourceDir, t.name), filepath.Join(target, t.name), trial.Content)
	}
	served, stopErr := s.stop()
	return sample{wall: usage.Wall, client: usage.CPU, server: served}, errors.Join(err, stopErr)
}

// timed is the part that counts.
func (m *measurement) timed(ctx context.Context, s *session, t task, into string) (trial.Usage, error) {
	from, to := filepath.Join(sourceDir, t.name), filepath.Join(into, t.name)
	var line []string
	if t.direction == put {
		line = s.put(filepath.Join(m.place, from), to, t.tree)
	} else {
		line = s.get(from, filepath.Join(m.place, to), t.tree)
	}
	// What an earlier copy left to be written must not slow this one down.
	if _, err := trial.Run(trial.Command(ctx, "sync")); err != nil {
		return trial.Usage{}, err
	}
	return trial.Run(trial.Command(ctx, line[0], line[1:]...))
}

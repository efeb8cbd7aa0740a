//go:build unix

package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"ftpd/internal/trial"
)

const (
	// step is how far apart the stamps of a moving file are: there is one in each block.
	step = 256 << 10
	// mostSteps bounds its size.
	mostSteps = 40
	// rest is how long a file stays as it is between two changes, at least: longer than
	// the clock of a file system takes for a tick.
	rest = 20 * time.Millisecond
)

// moving is a file that never rests: it grows, shrinks, is replaced, and is rewritten
// in place. A stamp in each block tells the version that it is of. A rewriting goes from
// the first block to the last, so that at any moment none is older than one behind it,
// and none by more than one version: what was copied of more than one moment is not so.
type moving struct {
	path    string
	version uint64
	steps   int
	changes atomic.Int64
}

func newMoving(path string) (*moving, error) {
	m := &moving{path: path, version: 1, steps: 8}
	return m, m.replace()
}

// moveUntil changes the file until the time is up.
func (m *moving) moveUntil(ctx context.Context, until time.Time, random *rand.Rand) error {
	for time.Now().Before(until) && ctx.Err() == nil {
		time.Sleep(rest + time.Duration(random.Int64N(int64(rest))))
		var err error
		switch random.IntN(4) {
		case 0:
			m.steps = 2 + random.IntN(mostSteps-1)
			m.version++
			err = m.replace()
		case 1:
			m.version++
			err = m.rewrite()
		default: // it grows or shrinks
			steps := max(2, min(mostSteps, m.steps+random.IntN(9)-4))
			err = m.resize(steps)
		}
		if err != nil {
			return err
		}
		m.changes.Add(1)
	}
	return nil
}

// replace puts another file in its place.
func (m *moving) replace() error {
	part := m.path + ".new"
	if err := os.WriteFile(part, m.blocks(m.steps), 0o644); err != nil {
		return err
	}
	return os.Rename(part, m.path)
}

func (m *moving) blocks(n int) []byte {
	b := make([]byte, n*step)
	for i := range n {
		binary.BigEndian.PutUint64(b[i*step:], m.version)
	}
	return b
}

// rewrite gives each block the stamp of the version, one after the other.
func (m *moving) rewrite() error {
	f, err := os.OpenFile(m.path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	for i := 0; i < m.steps && err == nil; i++ {
		_, err = f.WriteAt(binary.BigEndian.AppendUint64(nil, m.version), int64(i)*step)
		if i%4 == 3 {
			time.Sleep(rest)
		}
	}
	return errors.Join(err, f.Close())
}

// resize lets it grow or shrink to so many blocks.
func (m *moving) resize(steps int) error {
	f, err := os.OpenFile(m.path, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	if steps > m.steps {
		_, err = f.WriteAt(m.blocks(steps-m.steps), int64(m.steps)*step)
	} else {
		err = f.Truncate(int64(steps) * step)
	}
	m.steps = steps
	return errors.Join(err, f.Close())
}

// oneVersion tells whether a copy is of one moment.
func oneVersion(path string) error {
	b, err := os.ReadFile(path)
	if err != nil {
		return err
	}
	var stamps []uint64
	for at := 0; at+8 <= len(b); at += step {
		stamps = append(stamps, binary.BigEndian.Uint64(b[at:]))
	}
	for i := 1; i < len(stamps); i++ {
		if stamps[i] > stamps[i-1] || stamps[0]-stamps[i] > 1 {
			return fmt.Errorf("%s is a mixture of versions: %v", filepath.Base(path), stamps)
		}
	}
	return nil
}

// fromMoving gets the file that moves: one version, or "changed" and nothing.
func (m *member) fromMoving(ctx context.Context, _ *moving) error {
	copied := filepath.Join(m.here, "moving")
	if err := os.RemoveAll(copied); err != nil {
		return err
	}
	return m.move(ctx, statusOther, copied, "get", "moving", copied)
}

// toThere puts a file that moves, and again when it rests: then all of it is there.
func (m *member) toThere(ctx context.Context) error {
	source, err := newMoving(filepath.Join(m.here, "source"))
	if err != nil {
		return err
	}
	moving, stop := context.WithCancel(ctx)
	moved := make(chan error, 1)
	go func() { moved <- source.moveUntil(moving, time.Now().Add(time.Second), m.drawer(m.name)) }()
	copied := filepath.Join(m.there, "moving")
	err = m.move(ctx, statusLocal, copied, "put", "source", m.name+"/moving")
	stop()
	if err := errors.Join(err, <-moved); err != nil {
		return err
	}
	if _, err := m.do(ctx, "put", "source", m.name+"/moving"); err != nil {
		return err
	}
	_, err = trial.Compare(source.path, copied, trial.Mtime)
	return err
}

// move runs a copy of what moves: it may end well or with the status of a change.
func (m *member) move(ctx context.Context, changed int, copied string, args ...string) error {
	o, err := m.ftpc(ctx, m.here, m.server.Address, append([]string{"-q"}, args...)...)
	if err != nil {
		return err
	}
	m.mu.Lock()
	m.row.runs++
	if o.status != 0 {
		m.row.statuses[o.status]++
	}
	m.mu.Unlock()
	switch o.status {
	case 0:
		return oneVersion(copied)
	case changed:
		if _, err := os.Lstat(copied); err == nil {
			return fmt.Errorf("%v: status %d, and it is there", args, o.status)
		}
		return nil
	}
	return fmt.Errorf("%v: status %d: %s", args, o.status, o.problems)
}

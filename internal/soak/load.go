//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"ftpd/internal/trial"
)

// loadAll has many clients do everything at once, compares all that comes of it, and looks
// what the server holds before and after.
func (w *world) loadAll(ctx context.Context) error {
	moving, err := newMoving(filepath.Join(w.root, "moving"))
	if err != nil {
		return err
	}
	if err := w.crowded(ctx, w.load/4, moving); err != nil { // so that all is warm
		return err
	}
	return w.givesBack(func() error { return w.crowded(ctx, w.load*3/4, moving) })
}

// crowded runs the crowd for a while.
func (w *world) crowded(ctx context.Context, long time.Duration, moving *moving) error {
	limited, cancel := context.WithTimeout(ctx, long+hung)
	defer cancel()
	end := until(ctx, long, margin)
	var running sync.WaitGroup
	failures := make(chan error, w.clients+1)
	for number := range w.clients {
		m := &member{world: w, random: w.drawer(fmt.Sprintf("member %d %d", number, long)), name: fmt.Sprintf("m%d", number)}
		running.Go(func() {
			if err := m.work(limited, end, moving); err != nil {
				failures <- fmt.Errorf("%s: %w", m.name, err)
			}
		})
	}
	running.Go(func() {
		if err := moving.moveUntil(limited, end, w.drawer("moving")); err != nil {
			failures <- err
		}
	})
	running.Wait()
	close(failures)
	return <-failures
}

// member is one of the crowd, with a directory of its own at both ends.
type member struct {
	*world
	random *rand.Rand
	name   string
	here   string
	there  string
}

// work does one thing after the other.
func (m *member) work(ctx context.Context, end time.Time, moving *moving) error {
	m.here, m.there = filepath.Join(m.world.here, m.name), filepath.Join(m.root, m.name)
	for i := 0; i == 0 || time.Now().Before(end); i++ {
		if err := errors.Join(os.RemoveAll(m.here), os.RemoveAll(m.there), os.MkdirAll(m.here, 0o755)); err != nil {
			return err
		}
		if err := m.round(ctx); err != nil {
			return err
		}
		if err := m.fromMoving(ctx, moving); err != nil {
			return err
		}
		if err := m.toThere(ctx); err != nil {
			return err
		}
	}
	return errors.Join(os.RemoveAll(m.here), os.RemoveAll(m.there))
}

// do runs a client that has to succeed.
func (m *member) do(ctx context.Context, args ...string) (outcome, error) {
	m.mu.Lock()
	m.row.runs++
	m.mu.Unlock()
	for i, a := range args {
		args[i] = strings.Replace(a, "URL", "ftpd://"+m.server.Address+"/"+m.name, 1)
	}
	return m.must(ctx, m.here, m.server.Address, append([]string{"-q"}, args...)...)
}

// round is a round of all commands.
func (m *member) round(ctx context.Context) error {
	if err := trial.WriteFile(filepath.Join(m.here, "file"), m.random.Int64N(5<<20), m.random.Uint64()); err != nil {
		return err
	}
	if err := makeTree(filepath.Join(m.here, "tree"), 20+m.random.IntN(50), m.random); err != nil {
		return err
	}
	for _, line := range []string{
		"mkdir NAME", "put file NAME/file", "put -r tree NAME/tree", "ls -R NAME", "stat NAME/file", "ping -c 1",
		"get NAME/file back", "get -r NAME/tree backtree", "mirror tree URL/mirrored", "mirror --delete URL/mirrored mirrored",
		"mv NAME/file NAME/moved", "sum NAME/moved", "rm NAME/moved",
	} {
		if _, err := m.do(ctx, strings.Fields(strings.ReplaceAll(line, "NAME", m.name))...); err != nil {
			return err
		}
	}
	for _, pair := range [][2]string{
		{"file", "back"}, {"tree", "backtree"}, {"tree", "mirrored"}, {"tree", filepath.Join(m.there, "tree")},
	} {
		to := pair[1]
		if !filepath.IsAbs(to) {
			to = filepath.Join(m.here, to)
		}
		if _, err := trial.Compare(filepath.Join(m.here, pair[0]), to, trial.Mode|trial.Mtime); err != nil {
			return err
		}
	}
	_, err := m.do(ctx, "rm", "-r", m.name)
	return err
}

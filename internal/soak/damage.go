//go:build unix

package main

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"ftpd/internal/trial"
	"ftpd/internal/trial/fault"
)

const (
	// damagers is how many connections are damaged at once: most of them wait for
	// what was lost.
	damagers = 6
	// patience is when a client that hears nothing gives up.
	patience = "3s"
	// hung is when a run is taken to hang.
	hung = 2 * time.Minute
	// margin is what a part takes to come to its end when its time is up.
	margin = 45 * time.Second
)

// task is what a client does on a connection that is damaged, and what shows that it
// was done. The names are those in a directory of the task's own: sources lie there, and
// as many on the server under the same name.
type task struct {
	args []string
	same [2]string // what has to be equal then: a path here, and one on the server; empty is nothing
	says bool      // what it prints has to be what it prints without damage
}

// tasks are all commands that carry content. DIR is a directory of the server.
var tasks = []task{
	{args: []string{"get", "--json", "DIR/large"}, same: [2]string{"large", "large"}},
	{args: []string{"get", "-r", "--json", "DIR/tree"}, same: [2]string{"tree", "tree"}},
	{args: []string{"put", "--json", "source/large", "DIR/new/large"}, same: [2]string{"source/large", "new/large"}},
	{args: []string{"put", "-r", "--json", "-d", "DIR/new", "source/tree"}, same: [2]string{"source/tree", "new/tree"}},
	{args: []string{"mirror", "--json", "URL/DIR/tree", "mirrored"}, same: [2]string{"mirrored", "tree"}},
	{args: []string{"mirror", "--json", "source/tree", "URL/DIR/mirrored"}, same: [2]string{"source/tree", "mirrored"}},
	{args: []string{"ls", "-l", "-R", "DIR/tree"}, says: true},
	{args: []string{"sum", "DIR/large", "DIR/tree/d01/e1/f00001"}, says: true},
	{args: []string{"stat", "DIR/large"}, says: true},
}

// damageAll runs clients on connections that are damaged in all ways, until the time is
// up. Each has to end well or with an error that says so, nothing wrong may come of
// it, and the same command has to succeed when the connection is a good one.
func (w *world) damageAll(ctx context.Context) error {
	if err := w.warm(ctx); err != nil {
		return err
	}
	return w.givesBack(func() error { return w.damagers(ctx, until(ctx, w.damage, w.load+2*margin)) })
}

// warm has the server do everything that it may be asked for once: what it opens for its first
// upload, for one, it keeps open.
func (w *world) warm(ctx context.Context) error {
	random := w.drawer("warm")
	for i, t := range tasks {
		j, err := w.newJob(fmt.Sprintf("w%d", i), t, w.server.Address, random)
		if err != nil {
			return err
		}
		if _, err := w.must(ctx, j.here, w.server.Address, j.args...); err != nil {
			return err
		}
	}
	return w.damagers(ctx, time.Now())
}

// damagers runs clients on damaged connections, each of them at least once.
func (w *world) damagers(ctx context.Context, end time.Time) error {
	var running sync.WaitGroup
	failures := make(chan error, damagers)
	for number := range damagers {
		random := w.drawer(fmt.Sprintf("damage %d %t", number, w.row.memory == nil))
		running.Go(func() {
			for i := 0; (i == 0 || time.Now().Before(end)) && ctx.Err() == nil; i++ {
				if err := w.damaged(ctx, random); err != nil {
					failures <- err
					return
				}
			}
		})
	}
	running.Wait()
	close(failures)
	return <-failures
}

// drawn draws a plan of damage: from a single fault to one in every few frames.
func drawn(random *rand.Rand) fault.Plan {
	plan := fault.Plan{Seed: random.Uint64(), Every: 1 << (8 + random.IntN(14)), Delay: 200 * time.Millisecond}
	plan.Skip = random.IntN(40)
	switch random.IntN(4) {
	case 0: // all kinds
	case 1:
		plan.Kinds, plan.Blocks = []fault.Kind{fault.Flip}, true
	default:
		plan.Kinds = []fault.Kind{fault.Kind(random.IntN(fault.Kinds))}
	}
	plan.Up, plan.Down = random.IntN(2) == 0, random.IntN(2) == 0
	if random.IntN(2) == 0 {
		plan.Most = 1 + random.Int64N(3)
	}
	return plan
}

// damaged runs one client.
func (w *world) damaged(ctx context.Context, random *rand.Rand) error {
	dir := fmt.Sprintf("t%016x", random.Uint64())
	relay, err := trial.NewRelay(w.server.Address)
	if err != nil {
		return err
	}
	defer relay.Close()
	j, err := w.newJob(dir, tasks[random.IntN(len(tasks))], relay.Address(), random)
	if err != nil {
		return err
	}
	limited, cancel := context.WithTimeout(ctx, hung)
	defer cancel()
	var says outcome
	if j.task.says {
		if says, err = w.must(limited, j.here, relay.Address(), append(slices.Clone(j.args), "--timeout", "60s")...); err != nil {
			return err
		}
	}
	plan := drawn(random)
	faults := fault.New(plan)
	relay.SetFilter(faults.Filter)
	o, err := w.ftpc(limited, j.here, relay.Address(), j.args...)
	if err == nil {
		err = j.check(o, says)
	}
	if err == nil {
		err = w.afterwards(limited, j, relay, &o)
	}
	if err != nil {
		return fmt.Errorf("plan %+v: %w", plan, err)
	}
	w.count(o, faults)
	return errors.Join(os.RemoveAll(j.here), os.RemoveAll(j.there))
}

// afterwards tells whether the server serves others, and whether the same command
// finishes what was begun where the connection is a good one.
func (w *world) afterwards(ctx context.Context, j *job, relay *trial.Relay, o *outcome) error {
	relay.SetFilter(nil)
	if _, err := w.must(ctx, j.here, w.server.Address, "ping", "-c", "1"); err != nil {
		return err
	}
	if o.status == 0 || j.task.says {
		return nil
	}
	again, err := w.must(ctx, j.here, relay.Address(), append(slices.Clone(j.args), "--timeout", "60s")...)
	if err != nil {
		return err
	}
	return j.check(again, outcome{})
}

func (w *world) count(o outcome, faults *fault.Faults) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.row.runs++
	w.row.repaired += o.repaired()
	if o.status != 0 {
		w.row.statuses[o.status]++
	}
	for k := range fault.Kinds {
		w.row.faults[k] += faults.Count(fault.Kind(k))
	}
}

// job is a task with files of its own.
type job struct {
	task  task
	here  string
	there string
	args  []string
}

func (w *world) newJob(dir string, t task, address string, random *rand.Rand) (*job, error) {
	j := &job{task: t, here: filepath.Join(w.here, dir), there: filepath.Join(w.root, dir)}
	for _, place := range []string{filepath.Join(j.here, "source"), j.there} {
		if err := os.MkdirAll(place, 0o755); err != nil {
			return nil, err
		}
		if err := trial.WriteFile(filepath.Join(place, "large"), 1<<20+random.Int64N(3<<20), random.Uint64()); err != nil {
			return nil, err
		}
		if err := makeTree(filepath.Join(place, "tree"), 60, random); err != nil {
			return nil, err
		}
	}
	j.args = []string{"-q", "--timeout", patience}
	for _, a := range t.args {
		a = strings.Replace(a, "URL/", "ftpd://"+address+"/", 1)
		j.args = append(j.args, strings.Replace(a, "DIR", dir, 1))
	}
	return j, nil
}

// check tells whether an outcome is one of those that may be: what was done is right,
// and what was not done is said to be not.
func (j *job) check(o, says outcome) error {
	switch o.status {
	case statusOther, statusNetwork, statusIntegrity, statusSomeFailed, statusTimeout:
		return nil
	case 0:
	default:
		return fmt.Errorf("ftpc %s: status %d: %s", strings.Join(j.args, " "), o.status, o.problems)
	}
	if j.task.says && o.out != says.out {
		return fmt.Errorf("ftpc %s prints %q, and not %q", strings.Join(j.args, " "), o.out, says.out)
	}
	if j.task.same[0] == "" {
		return nil
	}
	_, err := trial.Compare(filepath.Join(j.here, j.task.same[0]), filepath.Join(j.there, j.task.same[1]), trial.Mode|trial.Mtime)
	if err != nil {
		return fmt.Errorf("ftpc %s: status 0, and %w", strings.Join(j.args, " "), err)
	}
	return nil
}

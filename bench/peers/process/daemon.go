//go:build linux

package process

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os/exec"
	"slices"
	"syscall"
	"time"
)

// A Daemon is a server that runs until it is stopped, and the processes that it
// starts.
type Daemon struct {
	cmd     *exec.Cmd
	output  bytes.Buffer  // both standard streams; to be read when ended is closed
	ended   chan struct{} // closed when the process has ended
	err     error         // of its end
	resting []stat        // what it consisted of when it was ready
}

// Start starts a server and returns when ready says nil, which is asked again
// and again until then. When the process ends before, or that takes too long,
// nothing is left of it.
func Start(ctx context.Context, c Command, ready func() error) (*Daemon, error) {
	d := &Daemon{cmd: exec.Command(c.Line[0], c.Line[1:]...), ended: make(chan struct{})}
	// A server may have processes to end itself: it is asked to.
	c.prepare(d.cmd, syscall.SIGTERM)
	d.cmd.Stdout, d.cmd.Stderr = &d.output, &d.output
	d.cmd.WaitDelay = time.Second // for the streams, which its children have too
	if err := d.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		d.err = d.cmd.Wait()
		close(d.ended)
	}()
	if err := d.await(ctx, c.Workers, ready); err != nil {
		return nil, errors.Join(err, d.Stop())
	}
	return d, nil
}

// story is what the server said of its early end.
func (d *Daemon) story(early bool) error {
	if !early {
		return nil
	}
	return described(d.cmd, errors.Join(errors.New("ended by itself"), d.err), &d.output)
}

func (d *Daemon) hasEnded() bool {
	select {
	case <-d.ended:
		return true
	default:
		return false
	}
}

// await waits until the server is ready, and remembers what it consists of.
func (d *Daemon) await(ctx context.Context, workers int, ready func() error) error {
	if err := d.poll(ctx, ready); err != nil {
		return err
	}
	return d.poll(ctx, func() (err error) {
		d.resting, err = tree(d.cmd.Process.Pid)
		if have := len(d.resting) - 1; err == nil && have < workers {
			return fmt.Errorf("the server has started %d of %d processes", have, workers)
		}
		return err
	})
}

// poll asks for a condition until it holds, the process has ended, the context
// is done or patience has run out.
func (d *Daemon) poll(ctx context.Context, condition func() error) error {
	often := time.NewTicker(2 * time.Millisecond)
	defer often.Stop()
	overdue := time.NewTimer(patience)
	defer overdue.Stop()
	for {
		err := condition()
		if err == nil {
			return nil
		}
		select {
		case <-often.C:
		case <-d.ended:
			return err
		case <-overdue.C:
			return fmt.Errorf("after %v: %w", patience, err)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// Settle waits until every process that the server started for a client has
// ended: only then has its parent counted the time it took.
func (d *Daemon) Settle(ctx context.Context) error {
	return d.poll(ctx, func() error {
		processes, err := tree(d.cmd.Process.Pid)
		if err != nil {
			return err
		}
		for _, p := range processes {
			if !p.zombie && !slices.ContainsFunc(d.resting, p.same) {
				return fmt.Errorf("process %d of the server works on", p.pid)
			}
		}
		return nil
	})
}

func (s stat) same(other stat) bool { return s.pid == other.pid && s.started == other.started }

// CPU returns the processor time of the server and all its children since
// their start, user and system, in steps of a hundredth of a second.
func (d *Daemon) CPU() (time.Duration, error) {
	processes, err := tree(d.cmd.Process.Pid)
	var ticks int64
	for _, p := range processes {
		ticks += p.ticks
	}
	return time.Duration(ticks) * tick, err
}

// Stop sends SIGTERM and waits for the end, kills what has not ended in time
// and what the server left behind. The error says that it had ended before.
func (d *Daemon) Stop() error {
	early := d.hasEnded()
	processes, err := tree(d.cmd.Process.Pid)
	if !early {
		err = errors.Join(err, d.cmd.Process.Signal(syscall.SIGTERM))
		overdue := time.AfterFunc(patience, func() {
			_ = d.cmd.Process.Kill() // fails when it has ended, which is what is wanted
		})
		<-d.ended
		overdue.Stop()
	}
	for _, p := range processes {
		err = errors.Join(err, p.kill())
	}
	return errors.Join(err, d.story(early))
}

// kill ends a process that was seen before and is still the same one.
func (s stat) kill() error {
	now, err := tree(s.pid)
	if err != nil || len(now) == 0 || !s.same(now[0]) || now[0].zombie {
		return err
	}
	if err := syscall.Kill(s.pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("kill %d: %w", s.pid, err)
	}
	return nil
}

//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os/exec"
	"strings"

	"ftpd/internal/trial"
)

// The statuses of ftpc that damage on the way may lead to: README.md, Exit status.
const (
	statusOther      = 1
	statusLocal      = 4 // a source that changed
	statusNetwork    = 5
	statusIntegrity  = 7
	statusSomeFailed = 8
	statusTimeout    = 10
	statusKilled     = -1
)

// outcome is what became of a client.
type outcome struct {
	status   int
	out      string
	problems string
}

// command returns a client that has not been started.
func (w *world) command(ctx context.Context, dir, address string, args ...string) (*exec.Cmd, *bytes.Buffer, *bytes.Buffer) {
	cmd := trial.Command(ctx, w.bin+"/ftpc", args...)
	cmd.Dir = dir
	cmd.Env = append(cmd.Env, "FTPC_SERVER="+address)
	out, problems := new(bytes.Buffer), new(bytes.Buffer)
	cmd.Stdout, cmd.Stderr = out, problems
	return cmd, out, problems
}

// ftpc runs a client to its end. The error is that it did not come to one, or not to
// one that is fit for a program: a status without a reason, a panic.
func (w *world) ftpc(ctx context.Context, dir, address string, args ...string) (outcome, error) {
	cmd, out, problems := w.command(ctx, dir, address, args...)
	return ended(ctx, cmd, cmd.Run(), out, problems)
}

func ended(ctx context.Context, cmd *exec.Cmd, err error, out, problems *bytes.Buffer) (outcome, error) {
	o := outcome{out: out.String(), problems: problems.String()}
	what := "ftpc " + strings.Join(cmd.Args[1:], " ")
	if ctx.Err() != nil {
		return o, fmt.Errorf("%s: it hangs: %w %s", what, ctx.Err(), o.problems)
	}
	if exit, ok := errors.AsType[*exec.ExitError](err); ok {
		o.status = exit.ExitCode()
	} else if err != nil {
		return o, err
	}
	if err := soundly(o.problems); err != nil {
		return o, fmt.Errorf("%s: %w", what, err)
	}
	if o.status > 0 && !strings.HasPrefix(o.problems, "ftpc: ") {
		return o, fmt.Errorf("%s: status %d without a reason: %q", what, o.status, o.problems)
	}
	return o, nil
}

// must is ftpc for what has to succeed.
func (w *world) must(ctx context.Context, dir, address string, args ...string) (outcome, error) {
	o, err := w.ftpc(ctx, dir, address, args...)
	if err == nil && o.status != 0 {
		err = fmt.Errorf("ftpc %s: status %d: %s", strings.Join(args, " "), o.status, o.problems)
	}
	return o, err
}

// record is what of a line of --json counts here.
type record struct {
	Type     string
	Remote   string
	Size     int64
	Resumed  int64
	Repaired int64
	Skipped  string
	Error    *struct{ Status int }
}

// records returns the lines of --json, up to one that a kill cut off.
func records(out string) (all []record) {
	for line := range strings.Lines(out) {
		var r record
		if json.Unmarshal([]byte(line), &r) != nil {
			break
		}
		all = append(all, r)
	}
	return all
}

// repaired returns how many blocks came damaged and were transferred again.
func (o outcome) repaired() (blocks int64) {
	for _, r := range records(o.out) {
		blocks += r.Repaired
	}
	return blocks
}

package main

import (
	"bufio"
	"context"
	"errors"
	"flag"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/urfave/cli/v2"

	"ftpd/client"
	"ftpd/protocol"
)

func testCall(t *testing.T) (*call, *strings.Builder) {
	t.Helper()
	var printed strings.Builder
	ctx := cli.NewContext(cli.NewApp(), flag.NewFlagSet("", flag.ContinueOnError), &cli.Context{Context: t.Context()})
	return &call{Context: ctx, out: newTestConsole(&printed)}, &printed
}

// newTestConsole is one whose standard error goes to w.
func newTestConsole(w io.Writer) *console {
	return &console{
		stdout:  bufio.NewWriter(io.Discard),
		stderr:  w,
		hinted:  make(map[string]bool),
		setting: setting{command: "get"},
	}
}

// The error of a single item is the command's; of several each is printed.
func TestEach(t *testing.T) {
	c, printed := testCall(t)
	broken := errors.New("broken")
	do := func(_ context.Context, n int) error {
		if n == 0 {
			return failed("zero", broken)
		}
		return nil
	}
	if err := each(c, []int{0}, do); !errors.Is(err, broken) || printed.String() != "" {
		t.Errorf("one: %v, printed %q", err, printed.String())
	}
	err := each(c, []int{1, 0, 2}, do)
	var some *batchError
	if !errors.As(err, &some) || *some != (batchError{failed: 1, total: 3}) {
		t.Errorf("three: %v", err)
	}
	if printed.String() != "ftpc: get zero: broken\n" {
		t.Errorf("printed %q", printed.String())
	}
	if err := each(c, []int{1, 2}, do); err != nil {
		t.Errorf("two: %v", err)
	}
}

// A connection that is lost, or that the server has ended, ends the batch and
// is told once.
func TestEachStopsWithTheConnection(t *testing.T) {
	for name, lost := range map[string]error{
		"lost":  &client.NetworkError{Op: "read", Err: errors.New("reset")},
		"ended": ended(protocol.Busy, true, "out of memory"),
	} {
		t.Run(name, func(t *testing.T) {
			c, printed := testCall(t)
			var tried atomic.Int64
			err := inOrder(c, make([]int, 1000), func(ctx context.Context, _ int) error {
				if tried.Add(1) == 5 {
					return lost
				}
				return ctx.Err()
			})
			if !errors.Is(err, lost) || printed.String() != "" {
				t.Errorf("%v, printed %q", err, printed.String())
			}
			if n := tried.Load(); n > 6 {
				t.Errorf("%d were tried", n)
			}
		})
	}
}

// At most so many items are worked on at once, and as many as that.
func TestEachIsBounded(t *testing.T) {
	c, _ := testCall(t)
	var running, most atomic.Int64
	all := make(chan struct{})
	open := sync.OnceFunc(func() { close(all) })
	err := each(c, make([]int, 3*atOnce), func(context.Context, int) error {
		defer running.Add(-1)
		n := running.Add(1)
		for old := most.Load(); n > old && !most.CompareAndSwap(old, n); old = most.Load() {
		}
		if n == atOnce {
			open()
		}
		<-all
		return nil
	})
	if err != nil || most.Load() != atOnce {
		t.Errorf("%v, %d at once", err, most.Load())
	}
}

package main

import (
	"context"
	"sync"
	"sync/atomic"
)

// atOnce is how many files a command over several works on at a time: enough
// to hide the round trips. The server bounds what is in flight besides.
const atOnce = 64

// each calls do for every item, several at a time. The error of a single item
// is returned. Of several, each error is printed when it happens and a
// batchError tells of them, unless one ends the connection: that one stops the
// others and is returned.
func each[T any](c *call, items []T, do func(context.Context, T) error) error {
	return eachAtOnce(c, atOnce, items, do)
}

// inOrder is each with one item at a time.
func inOrder[T any](c *call, items []T, do func(context.Context, T) error) error {
	return eachAtOnce(c, 1, items, do)
}

func eachAtOnce[T any](c *call, most int, items []T, do func(context.Context, T) error) error {
	if len(items) == 1 {
		return do(c.Context.Context, items[0])
	}
	b := &batch{out: c.out}
	ctx, cancel := context.WithCancelCause(c.Context.Context)
	defer cancel(nil)
	b.cancel = cancel
	slots := make(chan struct{}, most)
	for _, item := range items {
		slots <- struct{}{}
		if ctx.Err() != nil {
			break
		}
		b.running.Go(func() {
			b.report(do(ctx, item))
			<-slots
		})
	}
	b.running.Wait()
	return b.result(ctx, int64(len(items)))
}

// batch is a run of each.
type batch struct {
	out     *console
	cancel  context.CancelCauseFunc
	running sync.WaitGroup
	failed  atomic.Int64
}

func (b *batch) report(err error) {
	switch {
	case err == nil:
	case fatal(err):
		b.cancel(err) // the first one stays
	default:
		b.failed.Add(1)
		b.out.fail(err)
	}
}

func (b *batch) result(ctx context.Context, total int64) error {
	if err := context.Cause(ctx); err != nil {
		return err
	}
	if failed := b.failed.Load(); failed > 0 {
		return &batchError{failed: failed, total: total}
	}
	return nil
}

package command

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// Interruptible returns a context that SIGINT or SIGTERM cancels. The first of
// them also gives both signals their default effect back, before it cancels, so
// that one that follows the cancelling ends the process at once. The returned
// function stops the watch.
func Interruptible(parent context.Context) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(parent)
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	go func() {
		select {
		case <-signals:
		case <-ctx.Done():
		}
		signal.Stop(signals)
		cancel()
	}()
	return ctx, cancel
}

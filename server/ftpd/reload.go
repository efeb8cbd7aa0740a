//go:build unix

package main

import (
	"log/slog"
	"os"
	"os/signal"
	"syscall"
)

// reloadOnHangup reads again what can be, at every SIGHUP, until stop is called.
func reloadOnHangup(logger *slog.Logger, reload func() error) (stop func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP)
	go func() {
		for range signals {
			if err := reload(); err != nil {
				logger.Error("nothing was reloaded, and what was there before stays", "error", err)
			} else {
				logger.Info("reloaded")
			}
		}
	}()
	return func() {
		signal.Stop(signals)
		close(signals)
	}
}

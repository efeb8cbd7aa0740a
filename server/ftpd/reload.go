//go:build unix

package main

import (
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"ftpd/server"
)

// reloadOnHangup has the server read again what it can at every SIGHUP, until stop is
// called.
func reloadOnHangup(s *server.Server, logger *slog.Logger) (stop func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP)
	go func() {
		for range signals {
			if err := s.Reload(); err != nil {
				logger.Error("nothing was reloaded, and what was there before stays", "error", err)
			}
		}
	}()
	return func() {
		signal.Stop(signals)
		close(signals)
	}
}

//go:build unix

package main

import (
	"log/slog"
	"os"
	"os/signal"
	"syscall"

	"ftpd/server"
	"ftpd/server/systemd"
)

// reloadOnHangup has the server read again what it can at every SIGHUP, until stop is
// called. The manager is told when that begins and ends.
func reloadOnHangup(s *server.Server, manager *systemd.Notifier, logger *slog.Logger) (stop func()) {
	signals := make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGHUP)
	go func() {
		for range signals {
			manager.Reloading()
			if err := s.Reload(); err != nil {
				logger.Error("what could not be read again stays as it was", "error", err)
			} else {
				logger.Info("reloaded")
			}
			manager.Ready()
		}
	}()
	return func() {
		signal.Stop(signals)
		close(signals)
	}
}

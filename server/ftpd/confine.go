//go:build unix

package main

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"syscall"
	"time"

	"ftpd/server"
	"ftpd/server/confine"
)

// enter confines the process to what config names, and says in the log how far. It is
// called once everything is open.
func enter(plan confine.Plan, config server.Config) error {
	if config.ReadOnly {
		plan.Read = append(plan.Read, config.Root)
	} else {
		plan.Change = append(plan.Change, config.Root)
	}
	if config.Users != "" {
		plan.Reload = append(plan.Reload, config.Users)
	}
	if config.Identity != nil {
		plan.Reload = append(plan.Reload, config.Identity.Files()...)
	}
	_, _ = time.Now().Zone() // has the time zone read, which the log needs
	report, err := confine.Enter(plan)
	switch {
	case errors.Is(err, confine.ErrRequired):
		return &hinted{err, "serve all the same with --confine auto"}
	case errors.Is(err, confine.ErrCannotUse):
		return &hinted{err, "give it to the user of --user-id, who must also be able to enter the directories above a file"}
	case errors.Is(err, syscall.EPERM):
		return &hinted{err, "start the server as root, or without --user-id"}
	case err != nil:
		return err
	}
	tell(config.Logger, plan, report)
	return nil
}

// tell says what is in force. A system that is known to have no Landlock is no news.
func tell(logger *slog.Logger, plan confine.Plan, report confine.Report) {
	if os.Geteuid() == 0 {
		logger.Warn("the server runs as root", "hint", "have it go on as a user of its own with --user-id")
	}
	switch {
	case report.Landlock > 0:
		logger.Info(fmt.Sprintf("confined: landlock ABI %d", report.Landlock),
			"change", plan.Change, "read", plan.Read, "reload", plan.Reload, "network", report.Network, "signals", report.Signals)
	case report.Without != "" && runtime.GOOS == "linux":
		logger.Warn("not confined", "reason", report.Without)
	case report.Without != "":
		logger.Info("not confined", "reason", report.Without)
	}
}

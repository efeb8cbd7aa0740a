//go:build unix

// Command ftpd serves a directory to ftpc.
//
// Exit status: 0 after a shutdown, 1 when it cannot serve, 2 for a wrong
// command line. It prints one line to standard output, once it serves; all
// else goes to standard error.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/urfave/cli/v2"

	"ftpd/internal/command"
	"ftpd/server"
)

const (
	exitFailure = 1
	exitUsage   = 2
)

func main() {
	command.SpareProcessors()
	os.Exit(run(os.Args, os.Stdout, os.Stderr))
}

// run is main with its surroundings as arguments; it returns the exit status.
func run(args []string, stdout, stderr io.Writer) int {
	ctx, stop := command.Interruptible(context.Background())
	defer stop()
	var err error
	if len(args) > 1 && args[1] == "user" {
		err = runUser(ctx, args[2:], stdout, stderr)
	} else {
		err = command.Run(ctx, application(stdout, stderr), args)
	}
	if usage, ok := errors.AsType[*command.UsageError](err); ok {
		complain(stderr, "ftpd: "+usage.Message)
		if usage.Hint != "" {
			complain(stderr, "hint: "+usage.Hint)
		}
		return exitUsage
	}
	if err != nil {
		complain(stderr, "ftpd: "+err.Error())
		if hinted, ok := errors.AsType[*hinted](err); ok {
			complain(stderr, "hint: "+hinted.hint)
		}
		return exitFailure
	}
	return 0
}

// complain says a line, unless nobody takes it: the exit status tells it too.
func complain(to io.Writer, line string) {
	w := newLogWriter(to)
	_, _ = fmt.Fprintln(w, line) // it never fails
	w.Close(logPatience)
}

// serve is the action: it returns when the server has drained.
func serve(c *cli.Context, stdout, stderr io.Writer) error {
	if c.NArg() > 0 {
		usage := command.Usagef("unexpected argument %q", c.Args().First())
		usage.Hint = "the directory is given with --root DIR"
		return usage
	}
	config, err := configOf(c)
	if err != nil {
		return err
	}
	plan, err := planOf(c)
	if err != nil {
		return err
	}
	if plan.User != nil {
		config.UsersOwner = plan.User.UID
	}
	service, err := newService(&config)
	if err != nil {
		return err
	}
	logs := newLogWriter(stderr)
	defer logs.Close(logPatience)
	if config.Logger, err = newLogger(c, logs); err != nil {
		return err
	}
	if config.Identity, err = identityOf(c, config.UsersOwner); err != nil {
		return err
	}
	s, err := server.New(config)
	if errors.Is(err, server.ErrAddress) || errors.Is(err, server.ErrInsecure) || errors.Is(err, server.ErrSocket) {
		return service.wrongAddress(c, err)
	}
	if err != nil {
		return hintOfHomes(hintOfFiles(hintOfAddress(err), config))
	}
	if err := enter(plan, config); err != nil {
		return err // the process ends, and with it what it has open
	}
	defer reloadOnHangup(s, service.manager, config.Logger)()
	announce(config, s, stdout)
	service.manager.Ready()
	defer context.AfterFunc(c.Context, func() {
		config.Logger.Info("shutting down: no new requests, those in flight are finished; a second signal ends this at once")
		service.manager.Stopping()
		s.Shutdown()
	})()
	err = s.Serve()
	config.Logger.Info("stopped")
	return err
}

// announce says that the server serves, to people and to the program that started it.
func announce(config server.Config, s *server.Server, stdout io.Writer) {
	config.Logger.Info("serving", "root", config.Root, "address", s.Address(), "selector", s.Selector().String(),
		"durability", config.Durability.String(), "read_only", config.ReadOnly, "version", config.Version)
	said := fmt.Sprintf("ftpd: serving %s on %s\n", config.Root, s.Address())
	if config.Identity != nil {
		said = fmt.Sprintf("ftpd: identity %s\n", config.Identity.Fingerprint()) + said
	}
	if _, err := io.WriteString(stdout, said); err != nil {
		config.Logger.Warn("nobody reads standard output", "error", err)
	}
}

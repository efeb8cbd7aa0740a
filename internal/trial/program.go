package trial

import (
	"context"
	"errors"
	"flag"
	"io"
	"log"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"
)

// The exit statuses of the programs that try the product.
const (
	ExitFailure     = 1   // something was wrong
	ExitUsage       = 2   // a wrong command line
	ExitInterrupted = 130 // by SIGINT or SIGTERM
)

// Main runs a program and exits with what it returns. SIGINT and SIGTERM end its context.
func Main(run func(ctx context.Context, args []string, stdout, stderr io.Writer) int) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// ParseStatus returns the exit status for an error of parsing flags: 0 where help was
// asked for.
func ParseStatus(err error) int {
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	return ExitUsage
}

// Status returns the exit status of a program that has ended with an error, or nil, and
// says which.
func Status(ctx context.Context, err error, problems *log.Logger) int {
	switch {
	case ctx.Err() != nil:
		problems.Print("interrupted; nothing is left behind")
		return ExitInterrupted
	case err != nil:
		problems.Print(err)
		return ExitFailure
	}
	return 0
}

// InTemporary calls f with a new directory, whose name begins with prefix and which is
// gone afterwards.
func InTemporary(prefix string, f func(dir string) error) error {
	dir, err := os.MkdirTemp("", prefix)
	if err != nil {
		return err
	}
	// Processes run in this directory: its name must not depend on theirs.
	if dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	return errors.Join(f(dir), os.RemoveAll(dir))
}

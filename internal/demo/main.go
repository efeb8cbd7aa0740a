//go:build unix

// Command demo shows what ftpd and ftpc do, by doing it: one large file and a
// tree of small ones go to a server and come back, are compared with what was
// sent, and leave nothing behind.
//
// Exit status: 0 when all came back equal, 1 when anything failed, 2 for a
// wrong command line, 130 when it was interrupted.
package main

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

const (
	exitFailure     = 1
	exitUsage       = 2
	exitInterrupted = 130
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// run is main with its surroundings as arguments; it returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	problems := log.New(stderr, "demo: ", 0)
	d := &demo{out: stdout}
	flags := flag.NewFlagSet("demo", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&d.bin, "bin", "bin", "the `directory` of ftpd and ftpc")
	flags.Int64Var(&d.size, "size", 256<<20, "size of the large file in `bytes`")
	flags.IntVar(&d.files, "files", 1000, "`number` of files in the tree")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		return exitUsage
	}
	err := inTemporary(func(dir string) error { return d.run(ctx, dir) })
	switch {
	case ctx.Err() != nil:
		problems.Print("interrupted; nothing is left behind")
		return exitInterrupted
	case err != nil:
		problems.Print(err)
		return exitFailure
	}
	return 0
}

// inTemporary calls f with a new directory, which is gone afterwards.
func inTemporary(f func(dir string) error) error {
	dir, err := os.MkdirTemp("", "ftpd-demo-")
	if err != nil {
		return err
	}
	// The processes run in this directory: its name must not depend on theirs.
	if dir, err = filepath.Abs(dir); err != nil {
		return err
	}
	return errors.Join(f(dir), os.RemoveAll(dir))
}

//go:build unix

// Command peers measures ftpd and ftpc beside other tools that copy files: the
// same files, on the same file systems, in the same run, in turns. Every copy
// is compared with its source, outside of the time measured, and a tool whose
// copy differs ends the run. Nothing is dropped from the caches: sources are
// read from memory, by all alike.
//
// Exit status: 0, 1 when anything failed or the time ran out (the table then
// holds what there is), 2 for a wrong command line, 130 when interrupted.
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
	"time"
)

const (
	exitFailure     = 1
	exitUsage       = 2
	exitInterrupted = 130
)

// options are the flags.
type options struct {
	bin    string
	disk   string
	memory string
	size   int64
	files  int
	runs   int
	limit  time.Duration
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// run is main with its surroundings as arguments; it returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	var o options
	flags := flag.NewFlagSet("peers", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.bin, "bin", "../bin", "the `directory` of ftpd and ftpc")
	flags.StringVar(&o.disk, "disk", "/var/tmp", "a `directory` on a disk; empty measures none")
	flags.StringVar(&o.memory, "memory", "/dev/shm", "a `directory` in memory; empty, or missing, measures none")
	flags.Int64Var(&o.size, "size", 1<<30, "size of the large file in `bytes`")
	flags.IntVar(&o.files, "files", 10_000, "`number` of small files; each copy of them stays until the end")
	flags.IntVar(&o.runs, "runs", 5, "how `often` each is measured")
	flags.DurationVar(&o.limit, "limit", 45*time.Minute, "stop measuring after this `time`")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return 0
		}
		return exitUsage
	}
	notes := log.New(stderr, "peers: ", 0)
	limited, cancel := context.WithTimeout(ctx, o.limit)
	defer cancel()
	bin, err := filepath.Abs(o.bin)
	if err == nil {
		err = measureAll(limited, o, peers(bin), stdout, notes)
	}
	switch {
	case ctx.Err() != nil:
		return exitInterrupted
	case err != nil:
		notes.Print(err)
		return exitFailure
	}
	return 0
}

//go:build linux

// Command mirror measures how long ftpc mirror and rsync take to find out that a tree
// is the same at both ends: in turns, on the same files, by servers on this machine.
//
// Exit status: 0, 1 when anything failed or a run had something to do, 2 for a wrong
// command line.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"os"
	"path/filepath"

	"ftpd/bench/peers/apt"
	"ftpd/bench/peers/tools"
	"ftpd/internal/trial"
)

// options are the flags.
type options struct {
	bin, cache, dir, out string
	files, runs          int
}

func main() { trial.Main(run) }

// run is main with its surroundings as arguments; it returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	notes := log.New(stderr, "mirror: ", 0)
	var o options
	flags := flag.NewFlagSet("mirror", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.bin, "bin", "../bin", "the `directory` of ftpd and ftpc")
	flags.StringVar(&o.cache, "cache", "../bin/peers", "unpack rsync into this `directory` where the system has none")
	flags.StringVar(&o.dir, "dir", "/dev/shm", "the `directory` to measure in")
	flags.StringVar(&o.out, "out", "", "write the table to this `file` too")
	flags.IntVar(&o.files, "files", 100_000, "`number` of files of 1 KiB")
	flags.IntVar(&o.runs, "runs", 5, "how `often` each is measured")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return trial.ExitUsage
	case flags.NArg() > 0 || o.files < 1 || o.runs < 1:
		notes.Print("there are no arguments, and -files and -runs are above 0")
		return trial.ExitUsage
	}
	if err := o.do(ctx, stdout, notes); err != nil {
		notes.Print(err)
		return trial.ExitFailure
	}
	return 0
}

func (o options) do(ctx context.Context, out io.Writer, notes *log.Logger) (err error) {
	bin, err := filepath.Abs(o.bin)
	if err != nil {
		return err
	}
	work, err := os.MkdirTemp(o.dir, "ftpd-mirror-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(work)) }()
	m := &measurement{bin: bin, work: work, files: o.files, notes: notes, before: load()}
	if err := m.make(); err != nil {
		return err
	}
	find := tools.NewFinder(apt.New(o.cache, notes.Printf))
	if err := m.all(ctx, find, o.runs); err != nil {
		return err
	}
	table := m.table(find.Version(ctx, "rsync"))
	if o.out != "" {
		err = os.WriteFile(o.out, []byte(table), 0o666)
	}
	_, printErr := fmt.Fprint(out, table)
	return errors.Join(err, printErr)
}

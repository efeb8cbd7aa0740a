//go:build linux

// Command peers measures ftpd and ftpc beside other tools that copy files: the
// same files, on the same file systems, in the same run, in turns. Every copy
// is compared with its source, outside of the time measured. Nothing is dropped
// from the caches: sources are read from memory, by all alike.
//
// With -latency it measures ftpd and rsync through a relay that delays what
// passes, instead.
//
// A tool that is not there is fetched as a Debian package and unpacked, not
// installed. One that cannot be had or started is named, and its rows are left
// out.
//
// Exit status: 0, 1 when anything failed, a copy differed or the time ran out
// (the results then hold what there is), 2 for a wrong command line, 130 when
// interrupted.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"path/filepath"
	"strings"
	"time"

	"ftpd/bench/peers/apt"
	"ftpd/bench/peers/tools"
	"ftpd/internal/trial"
)

// options are the flags.
type options struct {
	bin     string
	cache   string
	out     string
	disk    string
	memory  string
	only    string
	size    int64
	small   int
	many    int
	runs    int
	limit   time.Duration
	latency bool
	delays  string
	redraw  bool
}

func main() { trial.Main(run) }

// errLimit is the end of the time that -limit allows.
var errLimit = errors.New("the time ran out")

// run is main with its surroundings as arguments; it returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	o, err := parse(args, stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
		return 0
	case err != nil:
		return trial.ExitUsage
	}
	notes := log.New(stderr, "peers: ", 0)
	limited, cancel := context.WithTimeoutCause(ctx, o.limit, errLimit)
	defer cancel()
	switch err := o.do(limited, args, stdout, notes); {
	case ctx.Err() != nil:
		return trial.ExitInterrupted
	case err != nil:
		notes.Print(err)
		return trial.ExitFailure
	}
	return 0
}

func parse(args []string, stderr io.Writer) (o options, err error) {
	flags := flag.NewFlagSet("peers", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.bin, "bin", "../bin", "the `directory` of ftpd and ftpc")
	flags.StringVar(&o.cache, "cache", "../bin/peers", "unpack packages into this `directory`")
	flags.StringVar(&o.out, "out", "", "write tables, charts and all samples into this `directory`; empty prints the tables only")
	flags.StringVar(&o.disk, "disk", "/var/tmp", "a `directory` on a disk; empty measures none")
	flags.StringVar(&o.memory, "memory", "/dev/shm", "a `directory` in memory; empty, or missing, measures none")
	flags.StringVar(&o.only, "only", "", "measure only tools whose name begins with one of these, separated by |")
	flags.Int64Var(&o.size, "size", 1<<30, "size of the large file in `bytes`; 0 measures none")
	flags.IntVar(&o.small, "files", 10_000, "`number` of files of 4 KiB; 0 measures none")
	flags.IntVar(&o.many, "many", 100_000, "`number` of files of 1 KiB; 0 measures none")
	flags.IntVar(&o.runs, "runs", 5, "how `often` each is measured")
	flags.DurationVar(&o.limit, "limit", 4*time.Hour, "stop measuring after this `time`")
	flags.BoolVar(&o.latency, "latency", false, "measure the files of 4 KiB through delays, instead of everything else")
	flags.StringVar(&o.delays, "delays", "0,10ms,100ms", "the delays each way, with -latency, separated by commas")
	flags.BoolVar(&o.redraw, "redraw", false, "measure nothing: write tables and charts in -out again from its samples")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	switch {
	case flags.NArg() > 0:
		err = fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case o.runs < 1, o.size < 0, o.small < 0, o.many < 0:
		err = errors.New("-runs must be above 0, and no number below")
	case o.redraw && o.out == "":
		err = errors.New("-redraw needs -out")
	}
	if err != nil {
		_, _ = fmt.Fprintln(stderr, "peers:", err) // nobody to tell but by the status
	}
	return o, err
}

// do is what the flags ask for.
func (o options) do(ctx context.Context, args []string, out io.Writer, notes *log.Logger) error {
	if o.redraw {
		return redraw(o.out)
	}
	bin, err := filepath.Abs(o.bin)
	if err != nil {
		return err
	}
	find := tools.NewFinder(apt.New(o.cache, notes.Printf))
	m := newMeasurement(o, chosen(tools.All(bin, find), o.only), notes)
	about := func() []string { return m.about(args, find) }
	if o.latency {
		return measureLatency(ctx, m, about, out)
	}
	measureErr := m.all(ctx)
	if len(m.samples) == 0 {
		return measureErr
	}
	r := results{about: about(), samples: m.samples}
	return errors.Join(measureErr, r.write(o.out, out))
}

// chosen returns the tools whose names begin with one of the choices.
func chosen(all []tools.Tool, choices string) []tools.Tool {
	if choices == "" {
		return all
	}
	var some []tools.Tool
	for _, t := range all {
		for choice := range strings.SplitSeq(choices, "|") {
			if strings.HasPrefix(t.Name, choice) {
				some = append(some, t)
				break
			}
		}
	}
	return some
}

//go:build linux

// Command iomodels measures one small service, an echo in upper case, built once
// for each I/O model: how many requests it answers and how soon, with few and many
// connections, and what it takes to do that and to do nothing. Server and load
// generator are processes of their own (this program, started with another
// first argument), all on this machine and on 127.0.0.1.
//
// Exit status: 0, 1 when anything failed, 2 for a wrong command line, 130 when
// interrupted. When the time runs out, the results hold what there is.
package main

import (
	"context"
	"errors"
	"flag"
	"io"
	"log"
	"os"
	"os/signal"
	"syscall"
	"time"

	"ftpd/bench/iomodels/load"
	"ftpd/bench/iomodels/models"
	"ftpd/bench/iomodels/report"
)

const (
	exitFailure     = 1
	exitUsage       = 2
	exitInterrupted = 130
)

// heavyDelay is what a heavy request takes the handler.
const heavyDelay = 50 * time.Millisecond

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	status := run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr)
	stop()
	os.Exit(status)
}

// The first arguments of the child processes.
const (
	asServer    = "serve"
	asGenerator = "load"
)

// run is main with its surroundings as arguments; it returns the exit status.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	notes := log.New(stderr, "iomodels: ", 0)
	var err error
	switch {
	case len(args) == 2 && args[0] == asServer:
		err = serve(args[1], stdout)
	case len(args) == 2 && args[0] == asGenerator:
		err = load.Serve(args[1], stdin, stdout)
	default:
		o, status, done := parse(args, stderr)
		if done {
			return status
		}
		if o.redraw {
			err = report.Redraw(o.out)
		} else {
			err = measureAll(ctx, o, stdout, notes)
		}
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

// options are the flags.
type options struct {
	out    string
	model  string
	redraw bool
	plan   plan
}

func parse(args []string, stderr io.Writer) (o options, status int, done bool) {
	var quick bool
	var limit time.Duration
	flags := flag.NewFlagSet("iomodels", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&o.out, "out", "", "write results.csv, results.md and the charts into this `directory`; empty prints the table only")
	flags.StringVar(&o.model, "model", "", "measure this `model` only")
	flags.BoolVar(&o.redraw, "redraw", false, "measure nothing: bring the tables, charts and page in -out up to date with its results.csv")
	flags.BoolVar(&quick, "quick", false, "one short round, within a minute")
	flags.DurationVar(&limit, "limit", 0, "begin nothing after this `time`; 0 is 9m30s, or 50s with -quick")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return o, 0, true
		}
		return o, exitUsage, true
	}
	if _, known := models.Find(o.model); flags.NArg() > 0 || o.model != "" && !known {
		log.New(stderr, "iomodels: ", 0).Printf("unknown argument or model: %q %q", flags.Args(), o.model)
		return o, exitUsage, true
	}
	o.plan = fullPlan()
	if quick {
		o.plan = quickPlan()
	}
	if limit > 0 {
		o.plan.limit = limit
	}
	return o, 0, false
}

//go:build linux

// Command service measures three things that a server of many clients owes each of
// them: how little memory a connection takes that is idle; how soon a stat is
// answered while others load the server and its disk is slow; and that the time of a
// login that fails does not tell whether there is such a user, nor a flood of them
// keeps anybody from being served.
//
//	service -idle 1000,10000   with the ftpd of -bin
//	service -stat -slow 1000   with a server of its own, whose storage can be slow
//	service -login 300         with the ftpd of -bin, inside TLS
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// settings are the flags.
type settings struct {
	bin     string
	idle    string
	stat    bool
	seconds time.Duration
	serve   string // set in the child that serves
	load    string // set in the child that downloads
	slow    int
	dribble string // set in the child that is slow
	echo    string // set in the child that echoes
	logins  int
	flood   string // set in the child that guesses passwords
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:], os.Stdout)
	stop()
	if err != nil && !errors.Is(err, flag.ErrHelp) {
		fmt.Fprintln(os.Stderr, "service:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out io.Writer) error {
	var s settings
	flags := flag.NewFlagSet("service", flag.ContinueOnError)
	flags.StringVar(&s.bin, "bin", "bin", "the `directory` of ftpd")
	flags.StringVar(&s.idle, "idle", "", "measure the memory of so many idle connections, a `list`")
	flags.BoolVar(&s.stat, "stat", false, "measure how long a stat takes")
	flags.DurationVar(&s.seconds, "time", 10*time.Second, "how long each measurement of stats lasts")
	flags.StringVar(&s.serve, "serve", "", "serve a `directory` until standard input ends; for its own use")
	flags.StringVar(&s.load, "load", "", "download from an `address` until standard input ends; for its own use")
	flags.IntVar(&s.slow, "slow", 1000, "measure -stat also beside `N` clients that send a byte a second; 0 is not")
	flags.StringVar(&s.dribble, "dribble", "", "be slow clients, `NUMBER@ADDRESS`, until standard input ends; for its own use")
	flags.StringVar(&s.echo, "echo", "", "if not empty, echo what is sent until standard input ends; for its own use")
	flags.IntVar(&s.logins, "login", 0, "measure the time of `N` failing logins of each sort, and a flood of them")
	flags.StringVar(&s.flood, "flood", "", "send wrong passwords to an `address` until standard input ends; for its own use")
	if err := flags.Parse(args); err != nil {
		return err
	}
	switch {
	case s.serve != "":
		runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 2) // as ftpd has them
		return serve(s.serve, os.Stdin, out)
	case s.load != "":
		return download(s.load, os.Stdin)
	case s.dribble != "":
		return dribble(s.dribble, os.Stdin)
	case s.echo != "":
		return echo(os.Stdin, out)
	case s.flood != "":
		return flood(s.flood, os.Stdin, out)
	case s.logins < 0:
		return errors.New("-login: a number of logins is not negative")
	case s.slow < 0:
		return errors.New("-slow: a number of clients is not negative")
	case s.idle == "" && !s.stat && s.logins == 0:
		return errors.New("say what to measure: -idle LIST, -stat or -login N")
	}
	return measure(ctx, s, out)
}

// measure prints what the flags ask for.
func measure(ctx context.Context, s settings, out io.Writer) error {
	if s.idle != "" {
		counts, err := parseCounts(s.idle)
		if err != nil {
			return err
		}
		if err := measureIdle(ctx, s.bin, counts, out); err != nil {
			return err
		}
	}
	if s.stat {
		if err := measureStat(ctx, s, out); err != nil {
			return err
		}
	}
	if s.logins > 0 {
		return measureLogin(ctx, s, out)
	}
	return nil
}

// parseCounts reads a list of numbers of connections.
func parseCounts(list string) ([]int, error) {
	var counts []int
	for word := range strings.SplitSeq(list, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(word))
		if err != nil || n < 1 {
			return nil, fmt.Errorf("-idle: %q is no number of connections", word)
		}
		counts = append(counts, n)
	}
	return counts, nil
}

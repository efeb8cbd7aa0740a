//go:build unix

// Command soak shows that nothing is half-done and nothing lost: it kills clients and
// servers in the middle of transfers, damages what passes between them and changes
// files while they are sent, over and over within a bounded time, and compares what
// came out. It prints the figures of all that.
//
// Exit status: 0 when nothing was wrong, 1 when anything was, 2 for a wrong command
// line, 130 when it was interrupted.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"time"

	"ftpd/internal/trial"
)

func main() { trial.Main(run) }

// run is main with its surroundings as arguments; it returns the exit status.
func run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	problems := log.New(stderr, "soak: ", 0)
	s := &soak{out: stdout}
	flags := flag.NewFlagSet("soak", flag.ContinueOnError)
	flags.SetOutput(stderr)
	flags.StringVar(&s.bin, "bin", "bin", "the `directory` of ftpd and ftpc")
	flags.Uint64Var(&s.seed, "seed", uint64(time.Now().UnixNano()), "what the run is drawn from; printed first")
	flags.IntVar(&s.kills, "kills", 100, "least `number` of kills while a large file goes one way")
	flags.Int64Var(&s.size, "size", 1<<30, "size of that file in `bytes`")
	flags.IntVar(&s.files, "files", 1000, "`number` of small files in a tree")
	flags.IntVar(&s.trees, "trees", 10, "`number` of times that the copy of a tree is killed, for each way of copying one")
	flags.DurationVar(&s.damage, "damage", 2*time.Minute, "how long connections are damaged, where the limit leaves so much")
	flags.DurationVar(&s.load, "load", 75*time.Second, "how long many clients are at work, where the limit leaves so much")
	flags.IntVar(&s.clients, "clients", 16, "`number` of clients then")
	flags.StringVar(&s.only, "part", "", "run the part of this `name` alone, as the table has it")
	flags.DurationVar(&s.limit, "limit", 10*time.Minute, "when the run has failed for taking too long")
	if err := flags.Parse(args); err != nil {
		return trial.ParseStatus(err)
	}
	limited, cancel := context.WithTimeout(ctx, s.limit)
	defer cancel()
	err := trial.InTemporary("ftpd-soak-", func(dir string) error { return s.run(limited, dir) })
	if err != nil && ctx.Err() == nil {
		err = fmt.Errorf("%w\n-seed %d draws the same again", err, s.seed)
	}
	return trial.Status(ctx, err, problems)
}

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
	"flag"
	"io"
	"log"

	"ftpd/internal/trial"
)

func main() { trial.Main(run) }

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
		return trial.ParseStatus(err)
	}
	err := trial.InTemporary("ftpd-demo-", func(dir string) error { return d.run(ctx, dir) })
	return trial.Status(ctx, err, problems)
}

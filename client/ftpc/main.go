// Command ftpc gets files from an ftpd server, puts them there and lists them.
package main

import (
	"context"
	"errors"
	"os"
	"runtime/debug"
	"slices"
	"time"

	"github.com/urfave/cli/v2"

	"ftpd/client"
	"ftpd/internal/command"
)

func main() {
	// What it holds is small and short-lived, and mostly buffers that are used again:
	// the collector would run often for little.
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(400)
	}
	command.SpareProcessors()
	os.Exit(int(run(os.Args)))
}

// run is the whole program. It decides the exit status, and nothing else does.
func run(args []string) status {
	ctx, stop := command.Interruptible(context.Background())
	defer stop()
	out := newConsole(os.Stdout, os.Stderr)
	ended := make(chan status, 1)
	go func() {
		err := command.Run(ctx, newApp(out), args)
		if ctx.Err() != nil && err != nil {
			err = interruption(err)
		}
		ended <- out.finish(err)
	}()
	select {
	case s := <-ended:
		return s
	case <-ctx.Done():
	}
	return unwind(out, ended)
}

// interruption is what a command that was interrupted has failed for: whatever
// it says, it is the signal. Only what can be gone on with is worth a word more.
func interruption(err error) error {
	if _, ok := errors.AsType[*client.ResumableError](err); ok && errors.Is(err, context.Canceled) {
		return err
	}
	return context.Canceled
}

// patience is how often an interrupted command that has not ended is looked
// at. One that is held up twice in a row is left.
const patience = 300 * time.Millisecond

// unwind waits for an interrupted command to end, which may take its time to
// remove what is not complete. Only one that waits for somebody who may never
// come is left where it is: the end of the process ends that too, and the
// server drops what it had no end of.
func unwind(out *console, ended <-chan status) status {
	look := time.NewTicker(patience)
	defer look.Stop()
	for held := false; ; {
		select {
		case s := <-ended:
			return s
		case <-look.C:
			before := held
			if held = out.isHeld(); held && before {
				out.leave()
				return statusInterrupted
			}
		}
	}
}

func newApp(out *console) *cli.App {
	return &cli.App{
		Name:      "ftpc",
		Usage:     "get files from an ftpd server, put them there, list them",
		UsageText: "ftpc [flags] COMMAND [flags] [arguments]",
		Description: "A path on the server is relative to the directory it serves. In its place a URL,\n" +
			"ftpds://[user@]host[:port]/path, or ftpd:// without TLS, names the server too, and so does\n" +
			"PROFILE:path (ftpc profile --help). Quoted, *, ?, [a-z] and\n" +
			"[!a-z] match within a name and ** matches across directories. After -- nothing is a flag.",
		Version:   command.Version(),
		Writer:    out.stdout,
		ErrWriter: out.stderr,
		Flags:     globalFlags(),
		Commands: []*cli.Command{
			getCommand(out),
			putCommand(out),
			lsCommand(out),
			statCommand(out),
			rmCommand(out),
			mvCommand(out),
			mkdirCommand(out),
			sumCommand(out),
			mirrorCommand(out),
			pingCommand(out),
			trustCommand(out),
			profileCommand(out),
			completionCommand(out),
		},
		Action: func(c *cli.Context) error {
			usage := command.Usagef("no command given")
			usage.Hint = "run ftpc --help for the commands there are"
			return usage
		},
	}
}

func globalFlags() []cli.Flag {
	return append([]cli.Flag{
		&cli.StringFlag{
			Name:        "server",
			Aliases:     []string{"s"},
			Usage:       "the server's `HOST:PORT`, or its URL without a path [$FTPC_SERVER]", // read by call.server, which must tell them apart
			DefaultText: defaultServer,
		},
		&cli.DurationFlag{
			Name:    "timeout",
			Usage:   "give up after `TIME` in which nothing moved; 0 never gives up",
			EnvVars: []string{"FTPC_TIMEOUT"},
			Value:   time.Minute,
		},
		&cli.IntFlag{
			Name:    "retries",
			Usage:   "dial a lost connection again, `N` times in a row at most, and go on; 0 never",
			EnvVars: []string{"FTPC_RETRIES"},
			Value:   5,
		},
		&cli.StringFlag{
			Name:    "progress",
			Usage:   "`MODE` of showing progress: auto (a bar on a terminal), plain (lines) or none",
			EnvVars: []string{"FTPC_PROGRESS"},
			Value:   "auto",
		},
		&cli.BoolFlag{
			Name:               "quiet",
			Aliases:            []string{"q"},
			Usage:              "show no progress; errors are still shown",
			DisableDefaultText: true,
		},
	}, slices.Concat(trustFlags(), loginFlags())...)
}

// connectionsFlag is for what moves more than one connection may carry.
func connectionsFlag() cli.Flag {
	return &cli.IntFlag{
		Name:    "connections",
		Aliases: []string{"j"},
		Usage:   "spread the files of a tree, and the blocks of a large file, over `N` connections",
		EnvVars: []string{"FTPC_CONNECTIONS"},
		Value:   1,
	}
}

// toggle is a flag without a value.
func toggle(name, alias, usage string) cli.Flag {
	flag := &cli.BoolFlag{Name: name, Usage: usage, DisableDefaultText: true}
	if alias != "" {
		flag.Aliases = []string{alias}
	}
	return flag
}

// verboseFlag is for what copies files.
func verboseFlag() cli.Flag {
	return toggle("verbose", "v", "print a line for each file that was copied, removed or skipped")
}

func jsonFlag() cli.Flag {
	return toggle("json", "", "print one JSON object for each file, and a summary")
}

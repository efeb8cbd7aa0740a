package main

import (
	"context"
	"strconv"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"ftpd/client"
)

func statCommand(out *console) *cli.Command {
	return &cli.Command{
		Name:      "stat",
		Usage:     "show what the server knows of a path",
		ArgsUsage: "[-L] [--json] PATH...",
		Flags: []cli.Flag{
			toggle("dereference", "L", "follow a symbolic link"),
			jsonFlag(),
		},
		Action: action(out, runStat),
	}
}

func runStat(c *call) error {
	sources, err := c.sources()
	if err != nil {
		return err
	}
	begun := time.Now()
	described := make([]client.Info, len(sources))
	err = each(c, indexes(sources), func(ctx context.Context, i int) error {
		var err error
		described[i], err = c.describe(ctx, sources[i].path)
		return c.noted(sources[i].path, err)
	})
	total := client.Summary{}
	for i, info := range described {
		switch info.Kind {
		case 0:
			total.Failed++
			continue // its error was printed, or is returned
		case client.Directory:
			total.Directories++
		default:
			total.Files++
			total.Bytes += info.Size
		}
		c.printStat(sources[i].path, info)
	}
	if c.Bool("json") {
		total.Duration = time.Since(begun)
		c.printSummary(total)
	}
	return err
}

func (c *call) describe(ctx context.Context, path string) (client.Info, error) {
	if c.Bool("dereference") {
		return c.client.Stat(ctx, path)
	}
	return c.client.Lstat(ctx, path)
}

func (c *call) printStat(path string, info client.Info) {
	if c.Bool("json") {
		r := c.newRecord(path)
		r.setInfo(info)
		c.printRecord(r)
		return
	}
	var b strings.Builder
	field := func(name, value string) { b.WriteString(name + ": " + value + "\n") }
	field("path", c.out.name(path))
	field("kind", info.Kind.String())
	if info.Kind == client.File {
		field("size", decimal(info.Size))
	}
	field("mode", octal(info.Mode)+" "+modeText(info))
	if info.Mtime.IsZero() {
		field("time", "-")
	} else {
		field("time", info.Mtime.Format(time.RFC3339Nano))
	}
	if info.ETag != 0 {
		field("etag", etag(info.ETag))
	}
	if info.Kind == client.Symlink {
		field("target", c.out.name(info.Target))
	}
	c.out.printf("%s", b.String())
}

// sources connects and expands the arguments, all of which are paths on the
// server.
func (c *call) sources() ([]source, error) {
	if err := c.need(1, -1); err != nil {
		return nil, err
	}
	targets, err := c.connectTargets(c.Args().Slice()...)
	if err != nil {
		return nil, err
	}
	return c.expand(targets)
}

// indexes returns 0 to the number of sources: results are kept in the order
// of the arguments.
func indexes(sources []source) []int {
	list := make([]int, len(sources))
	for i := range list {
		list[i] = i
	}
	return list
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }

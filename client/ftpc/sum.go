package main

import (
	"context"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"ftpd/client"
)

func sumCommand(out *console) *cli.Command {
	return &cli.Command{
		Name:        "sum",
		Usage:       "print the digests of files on the server",
		ArgsUsage:   "[--json] PATH... | --check LIST",
		Description: "The server computes them; get and put report the same digest with --json.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "check", Aliases: []string{"c"}, Usage: "compare with the lines in `LIST` that sum has printed; - is standard input"},
			jsonFlag(),
		},
		Action: action(out, runSum),
	}
}

func runSum(c *call) error {
	if c.IsSet("check") {
		return checkSums(c)
	}
	sources, err := c.sources()
	if err != nil {
		return err
	}
	begun := time.Now()
	sums := make([]*client.Sum, len(sources)) // nil where there is an error
	err = each(c, indexes(sources), func(ctx context.Context, i int) error {
		sum, err := c.client.Sum(ctx, sources[i].path)
		if err == nil {
			sums[i] = &sum
		}
		return c.noted(sources[i].path, err)
	})
	total := client.Summary{}
	for i, sum := range sums {
		if sum == nil {
			total.Failed++
			continue // its error was printed, or is returned
		}
		total.Files++
		total.Bytes += sum.Size
		c.printSum(sources[i].path, sum)
	}
	if c.Bool("json") {
		total.Duration = time.Since(begun)
		c.printSummary(total)
	}
	return err
}

func (c *call) printSum(path string, sum *client.Sum) {
	if c.Bool("json") {
		r := c.newRecord(path)
		r.Size = &sum.Size
		r.ETag = etag(sum.ETag)
		r.Digest = sum.Digest.String()
		c.printRecord(r)
		return
	}
	if c.out.escape {
		c.out.printf("%s  %s\n", sum.Digest, visible(path))
		return
	}
	mark, name := oneLine(path)
	c.out.printf("%s%s  %s\n", mark, sum.Digest, name)
}

// oneLine keeps a name from breaking the line, in the way of GNU sha256sum:
// a line that begins with a backslash holds a name with \n, \r and \\ in it.
func oneLine(name string) (mark, escaped string) {
	if !strings.ContainsAny(name, "\n\r\\") {
		return "", name
	}
	return `\`, strings.NewReplacer("\\", `\\`, "\n", `\n`, "\r", `\r`).Replace(name)
}

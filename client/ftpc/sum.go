package main

import (
	"context"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"ftpd/client"
	"ftpd/internal/command"
	"ftpd/protocol"
)

func sumCommand(out *console) *cli.Command {
	return &cli.Command{
		Name:        "sum",
		Usage:       "print the digests of files on the server",
		ArgsUsage:   "[--algo NAME] [--json] PATH... | [--json] --check LIST",
		Description: "The server computes them. xxh3-tree is what get and put report with --json; the lines of sha256 are those of sha256sum, whose -c takes them, and --check takes its. Of what a pattern matches only the files count: DIR/** in quotes is a whole tree.",
		Flags: []cli.Flag{
			&cli.StringFlag{Name: "algo", Usage: "compute `NAME`: xxh3-tree, unless told otherwise, or sha256; with --check, take no lines of the other"},
			&cli.StringFlag{Name: "check", Aliases: []string{"c"}, Usage: "compare with the lines in `LIST` that sum has printed; - is standard input"},
			jsonFlag(),
		},
		Action: action(out, runSum),
	}
}

// algorithm is a way to compute a digest.
type algorithm struct {
	name   string
	length int // bytes of the digest
	sum    func(c *client.Client, ctx context.Context, path string) (client.Sum, error)
	digest func(sum client.Sum) string
}

// algorithms are told apart by the length of their digests; the first is the default.
var algorithms = []algorithm{
	{"xxh3-tree", protocol.DigestLen, (*client.Client).Sum, func(sum client.Sum) string { return sum.Digest.String() }},
	{"sha256", protocol.SHA256Len, (*client.Client).SumSHA256, func(sum client.Sum) string { return hex.EncodeToString(sum.SHA256[:]) }},
}

// fileSum is a digest as it is printed.
type fileSum struct {
	client.Sum
	digest, algorithm string
}

func algorithmNames() (names []string) {
	for _, a := range algorithms {
		names = append(names, a.name)
	}
	return names
}

// algorithms returns those that the command line allows.
func (c *call) algorithms() ([]algorithm, error) {
	if !c.IsSet("algo") {
		return algorithms, nil
	}
	for i, a := range algorithms {
		if a.name == c.String("algo") {
			return algorithms[i : i+1], nil
		}
	}
	return nil, command.Usagef("--algo: %q is no algorithm: use xxh3-tree or sha256", c.String("algo"))
}

func runSum(c *call) error {
	allowed, err := c.algorithms()
	if err != nil {
		return err
	}
	if c.IsSet("check") {
		return checkSums(c, allowed)
	}
	sources, err := c.sources()
	if err != nil {
		return err
	}
	sources = slices.DeleteFunc(sources, func(s source) bool { return s.matched && s.kind == client.Directory }) // ** matches them too
	begun := time.Now()
	sums := make([]*fileSum, len(sources)) // nil where there is an error
	err = each(c, indexes(sources), func(ctx context.Context, i int) error {
		sum, err := allowed[0].sum(c.client, ctx, sources[i].path)
		if err == nil {
			sums[i] = &fileSum{sum, allowed[0].digest(sum), allowed[0].name}
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

func (c *call) printSum(path string, sum *fileSum) {
	if c.Bool("json") {
		r := c.newRecord(path)
		r.Size = &sum.Size
		r.ETag = etag(sum.ETag)
		r.Digest, r.Algorithm = sum.digest, sum.algorithm
		c.printRecord(r)
		return
	}
	if c.out.escape {
		c.out.printf("%s  %s\n", sum.digest, visible(path))
		return
	}
	mark, name := oneLine(path)
	c.out.printf("%s%s  %s\n", mark, sum.digest, name)
}

// oneLine keeps a name from breaking the line, in the way of GNU sha256sum:
// a line that begins with a backslash holds a name with \n, \r and \\ in it.
func oneLine(name string) (mark, escaped string) {
	if !strings.ContainsAny(name, "\n\r\\") {
		return "", name
	}
	return `\`, strings.NewReplacer("\\", `\\`, "\n", `\n`, "\r", `\r`).Replace(name)
}

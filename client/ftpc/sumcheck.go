package main

import (
	"bufio"
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"ftpd/client"
	"ftpd/internal/command"
	"ftpd/protocol"
)

// checkSums compares the files of a list, which sum has printed, with the server's.
func checkSums(c *call, allowed []algorithm) error {
	if err := c.need(0, 0); err != nil {
		return err
	}
	list, err := readSums(c.String("check"), allowed)
	if err != nil {
		return err
	}
	if _, err := c.connectTargets(); err != nil {
		return err
	}
	results := make([]string, len(list))
	sums := make([]*fileSum, len(list)) // nil where the digest is not that of the list
	order := make([]int, len(list))
	for i := range order {
		order[i] = i
	}
	err = each(c, order, func(ctx context.Context, i int) error {
		sum, err := list[i].sum(c.client, ctx, list[i].path)
		switch {
		case err != nil:
			return c.noted(list[i].path, err)
		case list[i].algorithm.digest(sum) != list[i].want:
			results[i] = "FAILED"
			return c.noted(list[i].path, &otherContentError{list[i].algorithm.name})
		}
		results[i] = "OK"
		sums[i] = &fileSum{sum, list[i].want, list[i].algorithm.name}
		return nil
	})
	if c.Bool("json") {
		c.printChecked(list, sums)
		return err
	}
	for i, result := range results {
		if result != "" {
			c.out.printf("%s: %s\n", c.out.name(list[i].path), result)
		}
	}
	return err
}

// printChecked prints the records of what is as in the list; the others were printed with
// their errors.
func (c *call) printChecked(list []listedSum, sums []*fileSum) {
	total := client.Summary{Failed: c.failures.Load(), Duration: time.Since(c.begun)}
	for i, sum := range sums {
		if sum != nil {
			c.printSum(list[i].path, sum)
			total.Files++
			total.Bytes += sum.Size
		}
	}
	c.printSummary(total)
}

// otherContentError is that of a file whose digest is not the list's. It has the exit
// status of damage.
type otherContentError struct{ algorithm string }

func (e *otherContentError) Error() string { return "it has another digest (" + e.algorithm + ")" }

// Is makes another content the same as a damaged one.
func (*otherContentError) Is(target error) bool { return target == client.ErrIntegrity }

// listedSum is a line of a list.
type listedSum struct {
	*algorithm
	want, path string
}

// readSums reads a list, from standard input where it is -.
func readSums(name string, allowed []algorithm) ([]listedSum, error) {
	var r io.Reader = os.Stdin
	if name != dash {
		f, err := os.Open(name)
		if err != nil {
			return nil, failed(name, &client.LocalError{Op: "open", Path: name, Err: err})
		}
		defer f.Close()
		r = f
	}
	var list []listedSum
	lines := bufio.NewScanner(r)
	lines.Buffer(nil, 4*protocol.MaxPath)
	for n := 1; lines.Scan(); n++ {
		sum, ok := parseSum(lines.Text(), allowed)
		if !ok {
			return nil, failed(name, notPrinted(n, allowed))
		}
		list = append(list, sum)
	}
	switch err := lines.Err(); {
	case errors.Is(err, bufio.ErrTooLong):
		return nil, failed(name, notPrinted(len(list)+1, allowed))
	case err != nil:
		return nil, failed(name, &client.LocalError{Op: "read", Path: name, Err: err})
	case len(list) == 0:
		return nil, failed(name, command.Usagef("--check: %s names no file", name))
	}
	return list, nil
}

// notPrinted is the error of a line.
func notPrinted(n int, allowed []algorithm) error {
	if len(allowed) > 1 {
		return fmt.Errorf("line %d is not as sum prints it", n)
	}
	return fmt.Errorf("line %d is not as sum --algo %s prints it", n, allowed[0].name)
}

// parseSum reads what printSum and oneLine write, and what sha256sum does: it puts a
// star before the name of a file that it read in binary mode.
func parseSum(line string, allowed []algorithm) (listedSum, bool) {
	rest, escaped := strings.CutPrefix(line, `\`)
	digest, name, ok := strings.Cut(rest, " ")
	raw, err := hex.DecodeString(digest)
	i := slices.IndexFunc(allowed, func(a algorithm) bool { return a.length == len(raw) })
	if !ok || err != nil || i < 0 || len(name) < 2 || name[0] != ' ' && name[0] != '*' {
		return listedSum{}, false
	}
	name = name[1:]
	if escaped {
		name = strings.NewReplacer(`\\`, "\\", `\n`, "\n", `\r`, "\r").Replace(name)
	}
	return listedSum{&allowed[i], strings.ToLower(digest), name}, true
}

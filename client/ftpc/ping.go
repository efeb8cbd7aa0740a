package main

import (
	"context"
	"fmt"
	"time"

	"github.com/urfave/cli/v2"

	"ftpd/internal/command"
)

func pingCommand(out *console) *cli.Command {
	return &cli.Command{
		Name:      "ping",
		Usage:     "measure how long the server takes to answer",
		ArgsUsage: "[-c N] [-i PAUSE] [HOST:PORT]",
		Flags: []cli.Flag{
			&cli.IntFlag{Name: "count", Aliases: []string{"c"}, Usage: "ask `N` times", Value: 1},
			&cli.DurationFlag{Name: "interval", Aliases: []string{"i"}, Usage: "`PAUSE` between two", Value: time.Second},
		},
		Action: action(out, runPing),
	}
}

func runPing(c *call) error {
	if err := c.need(0, 1); err != nil {
		return err
	}
	if c.Int("count") < 1 {
		return command.Usagef("--count %d: it is at least 1", c.Int("count"))
	}
	if pause := c.Duration("interval"); pause < 0 {
		return command.Usagef("--interval: %s is negative", pause)
	}
	arguments := c.Args().Slice()
	for i, argument := range arguments {
		on, err := c.serverOf(argument)
		if err != nil {
			return err
		}
		arguments[i] = on.url()
	}
	if _, err := c.connect(arguments...); err != nil {
		return err
	}
	return c.ping(c.Int("count"))
}

func (c *call) ping(count int) error {
	ctx := c.Context.Context
	var times roundTrips
	for i := range count {
		if i > 0 {
			if err := pause(ctx, c.Duration("interval")); err != nil {
				return err
			}
		}
		took, err := c.client.Ping(ctx)
		if err != nil {
			return err
		}
		times.add(took)
		c.out.printf("%s answered in %s\n", c.out.address, milliseconds(took))
		c.out.flush()
	}
	if count > 1 {
		c.out.printf("%d answers: least %s, mean %s, most %s\n", count,
			milliseconds(times.least), milliseconds(times.sum/time.Duration(count)), milliseconds(times.most))
	}
	return nil
}

// roundTrips sums up what was measured.
type roundTrips struct{ least, most, sum time.Duration }

func (r *roundTrips) add(d time.Duration) {
	if r.least == 0 || d < r.least {
		r.least = d
	}
	r.most = max(r.most, d)
	r.sum += d
}

func milliseconds(d time.Duration) string {
	return fmt.Sprintf("%.3f ms", float64(d)/float64(time.Millisecond))
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

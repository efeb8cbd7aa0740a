package main

import (
	"context"

	"github.com/urfave/cli/v2"
)

func mkdirCommand(out *console) *cli.Command {
	return &cli.Command{
		Name:      "mkdir",
		Usage:     "make directories on the server",
		ArgsUsage: "[-p] PATH...",
		Flags:     []cli.Flag{toggle("parents", "p", "make missing parents too; one that exists is no error")},
		Action:    action(out, runMkdir),
	}
}

func runMkdir(c *call) error {
	if err := c.need(1, -1); err != nil {
		return err
	}
	paths, err := c.connect(c.Args().Slice()...)
	if err != nil {
		return err
	}
	// One after the other: a later path may be below an earlier one.
	return inOrder(c, paths, func(ctx context.Context, path string) error {
		if c.Bool("parents") {
			return failed(path, c.client.MkdirAll(ctx, path, 0))
		}
		return failed(path, c.client.Mkdir(ctx, path, 0))
	})
}

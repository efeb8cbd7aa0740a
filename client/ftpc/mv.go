package main

import (
	"context"

	"github.com/urfave/cli/v2"

	"ftpd/client"
)

func mvCommand(out *console) *cli.Command {
	return &cli.Command{
		Name:      "mv",
		Usage:     "rename or move on the server",
		ArgsUsage: "FROM... TO",
		Description: "A TO that is a directory is one to move into; otherwise it is the new name, and a file\n" +
			"that has it is replaced.",
		Action: action(out, runMv),
	}
}

func runMv(c *call) error {
	if err := c.need(2, -1); err != nil {
		return err
	}
	paths, err := c.connect(c.Args().Slice()...)
	if err != nil {
		return err
	}
	to := paths[len(paths)-1]
	sources, err := c.expand(paths[:len(paths)-1])
	if err != nil {
		return err
	}
	occupied, err := c.there().look(to)
	if err != nil {
		return err
	}
	if occupied != directory && len(sources) > 1 {
		return failed(to, c.there().notDirectory)
	}
	if err := refuseCollisions(sources, place{dir: to, into: occupied == directory}); err != nil {
		return err
	}
	return each(c, sources, func(ctx context.Context, s source) error {
		target := to
		if occupied == directory {
			target = joinRemote(to, remoteBase(s.path))
		}
		return failed(s.path, c.client.Rename(ctx, s.path, target, &client.RenameOptions{}))
	})
}

package main

import (
	"context"

	"github.com/urfave/cli/v2"

	"ftpd/client"
	"ftpd/internal/command"
	"ftpd/protocol"
)

func rmCommand(out *console) *cli.Command {
	return &cli.Command{
		Name:      "rm",
		Usage:     "remove files on the server",
		ArgsUsage: "[-r] PATH...",
		Flags:     []cli.Flag{toggle("recursive", "r", "remove directories with all they hold")},
		Action:    action(out, runRm),
	}
}

func runRm(c *call) error {
	sources, err := c.sources()
	if err != nil {
		return err
	}
	for _, s := range sources {
		if remoteBase(s.path) == "" {
			return command.Usagef("the served directory itself cannot be removed")
		}
	}
	return each(c, sources, func(ctx context.Context, s source) error {
		return failed(s.path, c.remove(ctx, s))
	})
}

func (c *call) remove(ctx context.Context, s source) error {
	if s.kind == 0 { // also with -r, so that what is gone later was there
		info, err := c.client.Lstat(ctx, s.path)
		if err != nil {
			return err
		}
		s.kind, s.etag = info.Kind, info.ETag
	}
	if c.Bool("recursive") {
		if s.kind == client.Directory {
			s.etag = 0 // it changes with what is in it
		}
		return c.vanish(ctx, s.path, s.etag, func() error {
			_, err := c.client.RemoveAll(ctx, s.path)
			return err
		})
	}
	if s.kind == client.Directory { // a Remove would take an empty one
		return &failure{name: s.path, hint: "-r removes a directory with all it holds", err: &client.Error{Op: "remove", Path: s.path, Code: protocol.IsDirectory}}
	}
	return c.vanish(ctx, s.path, s.etag, func() error { return c.client.Remove(ctx, s.path) })
}

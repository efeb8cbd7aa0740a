package main

import (
	"context"
	"errors"
	"strings"

	"github.com/urfave/cli/v2"

	"ftpd/client"
	"ftpd/protocol"
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
	targets, err := c.connectTargets(c.Args().Slice()...)
	if err != nil {
		return err
	}
	to := targets[len(targets)-1].path
	sources, err := c.expand(targets[:len(targets)-1])
	if err != nil {
		return err
	}
	occupied, err := c.there().look(to)
	if err != nil {
		return err
	}
	if occupied == nothing && len(sources) > 1 {
		return missingDirectory(to, &client.Error{Op: "rename", Path: to, Code: protocol.NotFound})
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
		err := c.client.Rename(ctx, s.path, target, &client.RenameOptions{})
		return c.ofEnd(ctx, s.path, target, err)
	})
}

// ofEnd names the end of a rename that its error is about, which the server
// does not tell: a fault of FROM shows again where one looks at it.
func (c *call) ofEnd(ctx context.Context, from, to string, err error) error {
	refused, ok := errors.AsType[*client.Error](err)
	if !ok || fatal(err) {
		return failed(from, err)
	}
	switch refused.Code {
	case protocol.NotFound, protocol.NotDirectory, protocol.IsDirectory, protocol.NotEmpty, protocol.Exists:
		if _, fault := c.client.Lstat(ctx, from); fault != nil {
			return failed(from, err)
		}
	default:
		return failed(from, err)
	}
	if refused.Code == protocol.NotFound {
		parent, _, _ := cutLast(strings.TrimRight(to, "/"), "/")
		return missingDirectory(parent, err)
	}
	return failed(to, err)
}

func missingDirectory(dir string, err error) error {
	if dir == "" {
		return err
	}
	return &failure{name: dir, hint: "ftpc mkdir -p makes a missing directory", err: err}
}

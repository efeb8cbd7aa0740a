package main

import (
	"strings"

	"github.com/urfave/cli/v2"

	"ftpd/client"
	"ftpd/internal/command"
)

// linkModes are the values of --links.
var linkModes = []string{"skip", "copy"}

func linksFlag() cli.Flag {
	return &cli.StringFlag{
		Name:  "links",
		Usage: "`MODE` for symbolic links in trees: skip, or copy what they lead to",
		Value: linkModes[client.SkipLinks],
	}
}

// links returns the value of --links.
func (c *call) links() (client.Links, error) {
	mode := c.String("links")
	for links, name := range linkModes {
		if mode == name {
			return client.Links(links), nil
		}
	}
	return 0, command.Usagef("--links is one of %s, not %s", strings.Join(linkModes, ", "), mode)
}

//go:build unix

package main

import (
	"errors"

	"github.com/urfave/cli/v2"

	"ftpd/internal/command"
	"ftpd/server/confine"
)

func confineFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "user-id", EnvVars: env("USER_ID"), Usage: "go on as the user `UID|NAME` once the socket is bound, and no more as root"},
		&cli.StringFlag{Name: "group-id", EnvVars: env("GROUP_ID"), Usage: "with the group `GID|NAME` alone, in place of that user's own"},
		&cli.StringFlag{Name: "confine", Value: "auto", EnvVars: env("CONFINE"), Usage: "have the system deny the server what it has no business with `HOW`: auto, as far as it can, off, or require, or else not serve"},
	}
}

// planOf makes a plan of the flags; an error is a wrong value.
func planOf(c *cli.Context) (plan confine.Plan, err error) {
	if plan.Mode, err = confine.ParseMode(c.String("confine")); err != nil {
		return plan, wrong(c, "confine", "%v", err)
	}
	plan.User, err = userOf(c)
	return plan, err
}

func userOf(c *cli.Context) (*confine.User, error) {
	name, group := c.String("user-id"), c.String("group-id")
	if group != "" {
		if _, err := confine.LookupGroup(group); err != nil {
			return nil, wrong(c, "group-id", "%v", err)
		}
	}
	switch {
	case name == "" && group != "":
		usage := wrong(c, "group-id", "there is no user to go with the group")
		usage.Hint = "name one with --user-id"
		return nil, usage
	case name == "":
		return nil, nil
	}
	user, err := confine.LookupUser(name, group)
	if err != nil {
		return nil, wrongUser(c, err)
	}
	return &user, nil
}

func wrongUser(c *cli.Context, err error) *command.UsageError {
	usage := wrong(c, "user-id", "%v", err)
	usage.Hint = "name a user of this system, by number or name, that is not root"
	if errors.Is(err, confine.ErrGroup) {
		usage.Hint = "name a group with --group-id"
	}
	return usage
}

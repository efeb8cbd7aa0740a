package main

import (
	"path/filepath"
	"slices"

	"github.com/urfave/cli/v2"

	"ftpd/client"
	"ftpd/internal/command"
)

// profileActions are what the first argument may be.
var profileActions = []string{"add", "list", "remove"}

func profileCommand(out *console) *cli.Command {
	return &cli.Command{
		Name:      "profile",
		Usage:     "give directories of servers names of their own",
		ArgsUsage: "add NAME URL | list | remove NAME",
		Description: "After \"profile add work " + secureScheme + "me@host/dir\", work:a is dir/a there, in every command. What\n" +
			"--ca, --fingerprint, --user and --identity say is kept with it; a password never is.",
		Action: action(out, runProfile),
	}
}

func runProfile(c *call) error {
	if err := c.need(1, 3); err != nil {
		return err
	}
	p, err := loadProfiles()
	if err != nil {
		return err
	}
	switch what := c.Args().First(); what {
	case "add":
		return c.addProfile(p)
	case "list":
		if err := c.need(1, 1); err != nil {
			return err
		}
		for _, one := range p.list {
			c.out.printf("%s\n", c.out.name(one.String()))
		}
		return nil
	case "remove":
		return c.removeProfile(p)
	default:
		usage := command.Usagef("%s is nothing to do with a profile", what)
		usage.Hint = "usage: ftpc profile " + c.Command.ArgsUsage
		return usage
	}
}

func (c *call) addProfile(p *profiles) error {
	if err := c.need(3, 3); err != nil {
		return err
	}
	one, err := newProfile(c.Args().Get(1), c.Args().Get(2))
	if err != nil {
		return err
	}
	if err := c.keepFlags(&one); err != nil {
		return err
	}
	return p.change(c.Context.Context, func(list []profile) ([]profile, error) {
		if slices.ContainsFunc(list, func(p profile) bool { return p.name == one.name }) {
			usage := command.Usagef("there is a profile %s already", one.name)
			usage.Hint = "ftpc profile remove " + one.name
			return nil, usage
		}
		return append(list, one), nil
	})
}

// keepFlags adds to a profile what the command line says of the server and of who logs in.
func (c *call) keepFlags(p *profile) error {
	p.on.secure = p.on.secure || c.Bool("tls")
	if _, err := c.reliance(p.on); err != nil {
		return err
	}
	r := c.relianceOf(onLine)
	key, err := r.key()
	switch {
	case err != nil:
		return err
	case r.insecure:
		return command.Usagef("--insecure is to be said each time, and so belongs in no profile")
	}
	p.fingerprint = string(key)
	if p.ca, err = absolute(r.ca); err != nil {
		return err
	}
	if c.stands("user", onLine) {
		if p.on.user, err = c.userOf(p.on); err != nil {
			return err
		}
	}
	if c.stands("identity", onLine) {
		p.identity, err = absolute(c.String("identity"))
	}
	return err
}

// absolute returns a file's name for whatever directory the profile is used in.
func absolute(file string) (string, error) {
	if file == "" {
		return "", nil
	}
	name, err := filepath.Abs(file)
	if err != nil {
		return "", &client.LocalError{Op: "stat", Path: file, Err: err}
	}
	return name, nil
}

func (c *call) removeProfile(p *profiles) error {
	if err := c.need(2, 2); err != nil {
		return err
	}
	name := c.Args().Get(1)
	return p.change(c.Context.Context, func(list []profile) ([]profile, error) {
		if !slices.ContainsFunc(list, func(p profile) bool { return p.name == name }) {
			usage := command.Usagef("there is no profile %s", name)
			usage.Hint = "ftpc profile list tells which there are"
			return nil, usage
		}
		return slices.DeleteFunc(list, func(p profile) bool { return p.name == name }), nil
	})
}

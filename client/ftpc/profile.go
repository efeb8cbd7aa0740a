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
		Description: "add NAME URL   keeps a directory of a server: after \"ftpc profile add work\n" +
			"               " + secureScheme + "me@host/dir\", work:a is dir/a there, and work: the directory,\n" +
			"               in every command that takes a path of the server\n" +
			"list           prints a line for each profile: its name, its URL and what is kept with it\n" +
			"remove NAME    forgets it; nothing changes on the server\n\n" +
			"NAME has two letters, digits or _ at least, and - and . within. Given to add, --tls, --ca,\n" +
			"--fingerprint, --user, --identity and --password-file are kept: what a command line says goes\n" +
			"before them, and they before the environment. Of a password only its file is kept, never itself.",
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

// notKept are the flags of all commands that no profile keeps, and why.
var notKept = []struct{ flag, why string }{
	{"server", "the URL names the server"},
	{"insecure", "it is to be said each time, and so belongs in no profile"},
	{"known-servers", "FTPC_KNOWN_SERVERS names them for every command"},
	{"timeout", "FTPC_TIMEOUT says it for every command"},
	{"retries", "FTPC_RETRIES says it for every command"},
}

// refuseFlags refuses what would be dropped in silence.
func (c *call) refuseFlags() error {
	for _, no := range notKept {
		if c.stands(no.flag, onLine) {
			usage := command.Usagef("--%s is not kept in a profile: %s", no.flag, no.why)
			usage.Hint = "a profile keeps --tls, --ca, --fingerprint, --user, --identity and --password-file"
			return usage
		}
	}
	return nil
}

// keepFlags adds to a profile what the command line says of the server and of who logs in.
func (c *call) keepFlags(p *profile) error {
	if err := c.refuseFlags(); err != nil {
		return err
	}
	p.on.secure = p.on.secure || c.Bool("tls")
	if _, err := c.reliance(p.on); err != nil {
		return err
	}
	r := c.relianceOf(onLine)
	key, err := r.key()
	if err != nil {
		return err
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
	return c.keepSecrets(p)
}

// keepSecrets adds where the secret is that logs in.
func (c *call) keepSecrets(p *profile) (err error) {
	identity, password := c.stands("identity", onLine), c.stands("password-file", onLine)
	switch {
	case identity && password:
		return errTwoSecrets()
	case identity:
		p.identity, err = absolute(c.String("identity"))
	case password:
		p.passwordFile, err = absolute(c.String("password-file"))
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

package main

import (
	"slices"

	"ftpd/internal/command"
)

// arguments are those of a command, in which a path of a profile has become a URL.
type arguments []string

// First returns the first, empty where there is none.
func (a arguments) First() string { return a.Get(0) }

// Get returns one, empty where there is none.
func (a arguments) Get(i int) string {
	if i >= len(a) {
		return ""
	}
	return a[i]
}

// Slice returns them all.
func (a arguments) Slice() []string { return slices.Clone(a) }

// Args returns the arguments of the command, in place of those that the library knows.
func (c *call) Args() arguments { return c.arguments }

// readArguments takes the arguments as they are, but for those that begin with the name of
// a profile. Without any that could, the file of profiles is not looked at.
func (c *call) readArguments() error {
	c.arguments = c.Context.Args().Slice()
	c.dir = c.String("dir")
	if c.Command.Name == "profile" {
		return nil
	}
	places := []*string{&c.dir}
	for i := range c.arguments {
		places = append(places, &c.arguments[i])
	}
	var known *profiles
	for _, place := range places {
		name, path, ok := cutProfile(*place)
		if !ok || path != "" && c.namesServer() { // HOST:PORT
			continue
		}
		if known == nil {
			var err error
			if known, err = loadProfiles(); err != nil {
				return err
			}
		}
		p := known.find(name)
		if p == nil {
			c.out.unknown = name
			continue
		}
		if err := c.use(p); err != nil {
			return err
		}
		typed := *place
		*place = p.below(path)
		c.out.typed = append(c.out.typed, *place, typed)
	}
	for _, place := range places {
		if err := refuseSecret(*place); err != nil {
			return err
		}
	}
	return nil
}

// namesServer tells whether the argument of the command is a server.
func (c *call) namesServer() bool { return c.Command.Name == "ping" || c.Command.Name == "trust" }

// serverOf returns the server that an argument names.
func (c *call) serverOf(argument string) (server, error) {
	if c.profile != nil {
		return c.profile.on, nil
	}
	return parseServer(argument)
}

// use has a command use a profile, and no other.
func (c *call) use(p *profile) error {
	if c.profile != nil && c.profile != p {
		return command.Usagef("one command has one profile, not %s and %s", c.profile.name, p.name)
	}
	c.profile = p
	return nil
}

//go:build unix

package main

import (
	"bytes"
	"fmt"
	"math"
	"os"

	"github.com/urfave/cli/v2"

	"ftpd/internal/command"
	"ftpd/server"
	"ftpd/server/access"
	"ftpd/server/session"
)

// fieldFlags are the flags of what a user is.
func fieldFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{Name: "home", Usage: "show the user `DIR` below the root as /; made at the first login where it is missing"},
		&cli.StringFlag{Name: "allow", Usage: "allow `LIST` of read, write, delete, list, admin, with commas between them (add: all but admin)"},
		&cli.StringFlag{Name: "quota", Usage: "let the home hold `SIZE` at most: 500M, 10G, 1TiB; 0 is any"},
		&cli.StringFlag{Name: "quota-files", Usage: "let it hold `N` files and directories at most; 0 is any number"},
		&cli.StringFlag{Name: "connections", Usage: "take `N` connections at once; 0 is any number"},
		&cli.StringFlag{Name: "rate-up", Usage: "take at most `RATE` bytes a second from all of them together: 500K, 10M; 0 is any number"},
		&cli.StringFlag{Name: "rate-down", Usage: "send at most `RATE` bytes a second to all of them together; 0 is any number"},
		&cli.StringSliceFlag{Name: "key", Usage: "let who has a key in `FILE` log in, which is as authorized_keys; in place of the keys that are there. May be given more than once"},
	}
}

// fields puts what the flags say into a user.
func fields(c *cli.Context, user *access.User) error {
	if c.IsSet("home") {
		user.Home = c.String("home")
	}
	if c.IsSet("allow") {
		allow, err := session.ParsePermissions(c.String("allow"))
		if err != nil {
			return wrong(c, "allow", "%v", err)
		}
		user.Allow = allow
	}
	connections := int64(user.Connections)
	for _, n := range []struct {
		name        string
		field       *int64
		least, most int64
	}{
		{"quota", &user.QuotaBytes, 1, math.MaxInt64},
		{"quota-files", &user.QuotaFiles, 1, math.MaxInt64},
		{"connections", &connections, 1, math.MaxInt32},
		{"rate-up", &user.RateUp, server.MinRate, math.MaxInt64},
		{"rate-down", &user.RateDown, server.MinRate, math.MaxInt64},
	} {
		if err := amount(c, n.name, n.field, n.least, n.most); err != nil {
			return err
		}
	}
	user.Connections = int(connections)
	if c.IsSet("key") {
		keys, err := keysOf(c.StringSlice("key"))
		if err != nil {
			return err
		}
		user.Keys = keys
	}
	if err := user.Check(); err != nil {
		return command.Usagef("%v", err)
	}
	return nil
}

// amount reads a number with a unit, if the flag is given. 0 is no limit.
func amount(c *cli.Context, name string, field *int64, least, most int64) error {
	if !c.IsSet(name) {
		return nil
	}
	n, ok := command.ParseRate(c.String(name))
	switch {
	case !ok:
		usage := wrong(c, name, "%q is no number", c.String(name))
		usage.Hint = "such as 100, 500K, 10G or 1.5TiB"
		return usage
	case n != 0 && n < least || n > most:
		return wrong(c, name, "%s is not from %d to %d", c.String(name), least, most)
	}
	*field = n
	return nil
}

// keysOf reads the public keys in files, one a line.
func keysOf(files []string) ([]string, error) {
	var keys []string
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		if bytes.Contains(text, []byte("PRIVATE KEY-----")) {
			return nil, &hinted{fmt.Errorf("%s: it is a private key, which stays with its user", file), "name the public one: ssh-keygen writes it to FILE.pub"}
		}
		number := 0
		for line := range bytes.Lines(text) {
			number++
			line = bytes.TrimSpace(line)
			if len(line) == 0 || line[0] == '#' {
				continue
			}
			key, err := access.ParseKeyLine(line)
			if err != nil {
				return nil, fmt.Errorf("%s: line %d: %w", file, number, err)
			}
			keys = append(keys, key)
		}
	}
	if len(keys) == 0 {
		return nil, command.Usagef("there is no key in %q; --no-keys takes all away", files)
	}
	return keys, nil
}

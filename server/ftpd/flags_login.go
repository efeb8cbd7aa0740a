//go:build unix

package main

import (
	"time"

	"github.com/urfave/cli/v2"

	"ftpd/server"
)

// loginFlags are the flags of who may do what.
func loginFlags() []cli.Flag {
	return []cli.Flag{
		usersFlag("let the users in `FILE` log in, which \"ftpd user\" keeps"),
		&cli.StringFlag{Name: "anonymous", EnvVars: env("ANONYMOUS"), Usage: "let who has not logged in do `WHAT`: rw, everything; ro, list and get; off, nothing; without the flag rw, and off with --users"},
		duration("login-timeout", 30*time.Second, "close a connection that has not logged in, where that is needed, after `TIME`; 0 is never"),
		&cli.IntFlag{Name: "login-failures", Value: 10, EnvVars: env("LOGIN_FAILURES"), Usage: "refuse an address that `N` logins have failed from; 0 is never"},
		duration("login-ban", 15*time.Minute, "refuse it for `TIME`, for which failures count, too"),
	}
}

func usersFlag(usage string) cli.Flag {
	return &cli.StringFlag{Name: "users", EnvVars: env("USERS"), Usage: usage}
}

// logins reads those flags.
func logins(c *cli.Context, config *server.Config) error {
	config.Users = c.String("users")
	var err error
	if config.Anonymous, err = server.ParseAnonymous(c.String("anonymous")); err != nil {
		return wrong(c, "anonymous", "%v", err)
	}
	if config.Anonymous == server.AnonymousOff && config.Users == "" {
		usage := wrong(c, "anonymous", "nobody may do anything without users")
		usage.Hint = "name a users file with --users FILE; \"ftpd user add\" makes it"
		return usage
	}
	switch n := c.Int("login-failures"); {
	case n < 0:
		return wrong(c, "login-failures", "%d is negative", n)
	case n == 0:
		config.LoginFailures = -1 // to server.Config zero is the default
	default:
		config.LoginFailures = n
	}
	if config.LoginBan = c.Duration("login-ban"); config.LoginBan <= 0 {
		return wrong(c, "login-ban", "%s is not more than 0; --login-failures 0 refuses nobody", config.LoginBan)
	}
	return nil
}

//go:build unix

package main

import (
	"fmt"
	"io"
	"log/slog"
	"slices"
	"strings"
	"time"

	"github.com/urfave/cli/v2"

	"ftpd/internal/command"
	"ftpd/selector"
	"ftpd/server"
)

// defaultListen is where the server listens unless told otherwise.
const defaultListen = "127.0.0.1:2120"

// application describes the command line. Each flag has an environment
// variable; a flag given on the command line wins.
func application(stdout, stderr io.Writer) *cli.App {
	return &cli.App{
		Name:      "ftpd",
		Usage:     "serve a directory to ftpc",
		UsageText: "ftpd [flags]\n   ftpd user COMMAND, which keeps the users: see \"ftpd user --help\"",
		Version:   command.Version(),
		Writer:    stdout,
		ErrWriter: stderr,
		Action:    func(c *cli.Context) error { return serve(c, stdout, stderr) },
		Flags: slices.Concat([]cli.Flag{
			&cli.StringFlag{Name: "root", Value: ".", EnvVars: env("ROOT"), Usage: "serve the directory `DIR`"},
			&cli.StringFlag{Name: "listen", Value: defaultListen, EnvVars: env("LISTEN"), Usage: "listen on `HOST:PORT`; port 0 takes a free one"},
			&cli.BoolFlag{Name: "insecure", EnvVars: env("INSECURE"), Usage: "allow an address that other machines reach without --tls and --users, and passwords outside TLS"},
			&cli.BoolFlag{Name: "read-only", EnvVars: env("READ_ONLY"), Usage: "refuse every change"},
			&cli.StringFlag{Name: "durability", Value: "commit", EnvVars: env("DURABILITY"), Usage: "acknowledge an upload `WHEN`: commit, when it is synced to the disk, or none, before that"},
			&cli.StringFlag{Name: "selector", Value: "auto", EnvVars: env("SELECTOR"), Usage: "wait for connections with `KIND`: " + selectorNames()},
			duration("idle-timeout", 15*time.Minute, "close a connection after `TIME` without a request; 0 is never"),
			duration("handshake-timeout", 10*time.Second, "close a connection that has not greeted after `TIME`; 0 is never"),
			duration("stall-timeout", time.Minute, "close a connection whose client lets a transfer rest for `TIME`; 0 is never"),
			duration("drain-timeout", 30*time.Second, "finish what is in flight for at most `TIME` when asked to stop; 0 is not at all"),
			duration("keep-resumable", 24*time.Hour, "keep the part of an interrupted upload for `TIME`, for the client to go on with; 0 is not at all"),
			&cli.IntFlag{Name: "digest-cache", Value: 32, EnvVars: env("DIGEST_CACHE"), Usage: "know the digests of files that do not change in at most `MIB` of memory; 0 is not at all"},
			&cli.StringFlag{Name: "log-format", Value: "text", EnvVars: env("LOG_FORMAT"), Usage: "log in `FORMAT`: text or json"},
			&cli.StringFlag{Name: "log-level", Value: "info", EnvVars: env("LOG_LEVEL"), Usage: "log from `LEVEL` on: debug, info, warn or error"},
		}, tlsFlags(), limitFlags(), loginFlags(), confineFlags()),
	}
}

func env(name string) []string { return []string{"FTPD_" + name} }

// variable returns what env takes for a flag.
func variable(flag string) string { return strings.ToUpper(strings.ReplaceAll(flag, "-", "_")) }

func duration(name string, value time.Duration, usage string) cli.Flag {
	return &cli.DurationFlag{
		Name:    name,
		Value:   value,
		EnvVars: env(variable(name)),
		Usage:   usage,
	}
}

// selectorNames lists what this system has.
func selectorNames() string {
	names := []string{"auto"}
	for _, kind := range selector.Kinds() {
		names = append(names, kind.String())
	}
	return strings.Join(names, ", ")
}

// text returns the value of a flag that must have one. The variable of a shell
// that was never set would otherwise stand for the current directory or a
// random port.
func text(c *cli.Context, name, hint string) (string, error) {
	value := c.String(name)
	if value != "" {
		return value, nil
	}
	usage := wrong(c, name, "the value is empty")
	usage.Hint = hint
	return "", usage
}

// wrong makes the error of a flag's value, which names where it came from.
func wrong(c *cli.Context, name, format string, args ...any) *command.UsageError {
	return command.Usagef("%s: %s", command.Origin(c, name), fmt.Sprintf(format, args...))
}

// selectorOf takes only what this system has.
func selectorOf(c *cli.Context) (selector.Kind, error) {
	name := c.String("selector")
	kind, err := selector.ParseKind(name)
	if err != nil || kind != selector.Auto && !slices.Contains(selector.Kinds(), kind) {
		return selector.Auto, wrong(c, "selector", "%q is no selector of this system, which has %s", name, selectorNames())
	}
	return kind, nil
}

// configOf makes a configuration of the flags; an error is a wrong value.
func configOf(c *cli.Context) (server.Config, error) {
	config := server.Config{
		Insecure: c.Bool("insecure"),
		ReadOnly: c.Bool("read-only"),
		Version:  command.Version(),
	}
	var err error
	if config.Root, err = text(c, "root", "name the directory to serve; . is the current one"); err != nil {
		return config, err
	}
	if config.Listen, err = text(c, "listen", "name HOST:PORT, or leave the flag out for "+defaultListen); err != nil {
		return config, err
	}
	if config.Selector, err = selectorOf(c); err != nil {
		return config, err
	}
	if config.Durability, err = server.ParseDurability(c.String("durability")); err != nil {
		return config, wrong(c, "durability", "%v", err)
	}
	if err := logins(c, &config); err != nil {
		return config, err
	}
	if err := limits(c, &config); err != nil {
		return config, err
	}
	if config.DigestCache, err = digestCache(c); err != nil {
		return config, err
	}
	return config, timeouts(c, &config)
}

// maxDigestCache is more than the digests of the largest file system take, in MiB.
const maxDigestCache = 1 << 20

func digestCache(c *cli.Context) (int64, error) {
	switch mib := c.Int("digest-cache"); {
	case mib < 0 || mib > maxDigestCache:
		return 0, wrong(c, "digest-cache", "%d is not from 0 to %d MiB", mib, maxDigestCache)
	case mib == 0:
		return -1, nil // to server.Config zero is the default
	default:
		return int64(mib) << 20, nil
	}
}

func timeouts(c *cli.Context, config *server.Config) error {
	for _, t := range []struct {
		name  string
		field *time.Duration
	}{
		{"idle-timeout", &config.IdleTimeout},
		{"handshake-timeout", &config.HandshakeTimeout},
		{"stall-timeout", &config.StallTimeout},
		{"login-timeout", &config.LoginTimeout},
		{"drain-timeout", &config.DrainTimeout},
		{"keep-resumable", &config.KeepResumable},
	} {
		*t.field = c.Duration(t.name)
		switch {
		case *t.field < 0:
			return wrong(c, t.name, "%s is negative", *t.field)
		case *t.field == 0:
			*t.field = -1 // to server.Config zero is the default
		}
	}
	return nil
}

func newLogger(c *cli.Context, to io.Writer) (*slog.Logger, error) {
	var options slog.HandlerOptions
	var level slog.Level
	if err := level.UnmarshalText([]byte(c.String("log-level"))); err != nil {
		return nil, wrong(c, "log-level", "unknown level %q: use debug, info, warn or error", c.String("log-level"))
	}
	options.Level = level
	switch format := c.String("log-format"); format {
	case "text":
		return slog.New(slog.NewTextHandler(to, &options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(printable{to}, &options)), nil
	default:
		return nil, wrong(c, "log-format", "unknown format %q: use text or json", format)
	}
}

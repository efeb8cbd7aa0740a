package main

import (
	"cmp"
	"errors"
	"fmt"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/urfave/cli/v2"

	"ftpd/client"
	"ftpd/internal/command"
)

// call is one run of one command.
type call struct {
	*cli.Context
	out       *console
	arguments arguments // see Args
	dir       string    // the value of -d
	profile   *profile  // that the arguments name; nil where they name none

	client *client.Client // nil until connect
	server server         // likewise empty
	begun  time.Time

	limiter *client.Limiter // over all connections; nil without --bwlimit

	uploads    bool         // a mirror goes to the server
	failures   atomic.Int64 // the errors that noted printed
	summarized bool         // the summary was printed

	items  int64 // paths that patterns and names have led to
	unread int64 // directories that a pattern could not look into
}

// action makes a command's function one that the library can call.
func action(out *console, do func(*call) error) cli.ActionFunc {
	return func(ctx *cli.Context) error {
		out.begin(ctx.Command.Name)
		if _, err := progressMode(ctx); err != nil {
			return err
		}
		if err := checkTimeout(ctx); err != nil {
			return err
		}
		if err := checkCount(ctx, "retries", 0); err != nil {
			return err
		}
		if err := checkCount(ctx, "connections", 1); err != nil {
			return err
		}
		if ctx.Bool("verbose") && ctx.Bool("json") {
			return command.Usagef("--json tells of each file, too: --verbose is for people")
		}
		limiter, err := bwlimit(ctx)
		if err != nil {
			return err
		}
		if err := checkArguments(ctx); err != nil {
			return err
		}
		c := &call{Context: ctx, out: out, begun: time.Now(), limiter: limiter}
		if err := c.readArguments(); err != nil {
			return err
		}
		defer c.close()
		defer c.summarize()
		return c.withUnread(do(c))
	}
}

// need checks how many arguments there are; most below 0 is any number.
func (c *call) need(least, most int) error {
	n := c.NArg()
	if n >= least && (most < 0 || n <= most) {
		return nil
	}
	usage := command.Usagef("too few arguments")
	if n > least {
		usage = command.Usagef("too many arguments")
	}
	usage.Hint = "usage: ftpc " + c.Command.Name + " " + c.Command.ArgsUsage
	return usage
}

// connect finds the one server of the arguments that are paths there, dials
// it, and returns those paths.
func (c *call) connect(arguments ...string) ([]string, error) {
	targets, err := c.connectTargets(arguments...)
	return pathsOf(targets), err
}

// connectTargets is connect for arguments that may be patterns.
func (c *call) connectTargets(arguments ...string) ([]target, error) {
	asked, fallback, err := c.servers()
	if err != nil {
		return nil, err
	}
	on, targets, err := resolve(arguments, asked, fallback)
	if err != nil {
		return nil, err
	}
	c.out.given = make(map[string]string, len(targets))
	for _, t := range targets {
		c.out.given[cmp.Or(t.path, ".")] = t.given
	}
	if err := c.dial(on); err != nil {
		return nil, err
	}
	c.out.readOnly, c.out.users = c.client.Server().ReadOnly, c.client.Server().Users
	return targets, nil
}

// servers returns what --server says, without an address where it says nothing, and the
// server to use when nothing else names one.
func (c *call) servers() (asked, fallback server, err error) {
	fallback = server{address: defaultServer}
	if value := os.Getenv("FTPC_SERVER"); value != "" {
		if fallback, err = parseServer(value); err != nil && !c.IsSet("server") {
			if usage, ok := errors.AsType[*command.UsageError](err); ok {
				usage.Message = "FTPC_SERVER: " + usage.Message
			}
			return server{}, server{}, err
		}
	}
	if !c.IsSet("server") {
		return server{}, fallback, nil
	}
	asked, err = parseServer(c.String("server"))
	return asked, fallback, err
}

// checkTimeout refuses a time that there is not.
func checkTimeout(c *cli.Context) error {
	limit := c.Duration("timeout")
	if limit >= 0 {
		return nil
	}
	name := "--timeout"
	if value, err := time.ParseDuration(os.Getenv("FTPC_TIMEOUT")); err == nil && value == limit {
		name = "FTPC_TIMEOUT"
	}
	return command.Usagef("%s: %s is negative", name, limit)
}

// checkCount refuses a number that is less than it can be.
func checkCount(c *cli.Context, flag string, least int) error {
	n := c.Int(flag)
	if n >= least || !c.IsSet(flag) {
		return nil
	}
	name := "--" + flag
	if variable := "FTPC_" + strings.ToUpper(flag); os.Getenv(variable) == strconv.Itoa(n) {
		name = variable
	}
	return command.Usagef("%s %d: it is at least %d", name, n, least)
}

// checkArguments refuses what no command has a meaning for. An empty argument
// mostly is a variable of a script that is not set: taken for the served
// directory, it would get, list or move another tree than was meant.
func checkArguments(c *cli.Context) error {
	arguments := c.Args().Slice()
	for i, argument := range arguments {
		if argument == "" {
			name := "the argument"
			if len(arguments) > 1 {
				name = fmt.Sprintf("argument %d of %d", i+1, len(arguments))
			}
			return emptyArgument(name)
		}
		if err := refuseForeign(argument); err != nil {
			return err
		}
	}
	dir := c.String("dir")
	if dir == "" && c.IsSet("dir") {
		return emptyArgument("--dir")
	}
	for _, name := range []string{"ca", "fingerprint", "known-servers", "user", "password-file", "identity"} {
		if c.IsSet(name) && c.String(name) == "" {
			return command.Usagef("--%s is empty", name) // an empty variable of the environment sets nothing
		}
	}
	return refuseForeign(dir)
}

func emptyArgument(name string) error {
	usage := command.Usagef("%s is empty", name)
	usage.Hint = "the directory itself is ."
	return usage
}

func (c *call) options() *client.Options {
	limit := c.Duration("timeout")
	if limit == 0 {
		limit = -1 // the library's word for never
	}
	options := &client.Options{
		Agent: "ftpc/" + command.Version(), Timeout: limit, Retries: c.Int("retries"), OnRetry: c.noteRetry,
		Connections: c.Int("connections"), // 0, the default, where a command has no such flag
	}
	if c.IsSet("timeout") {
		options.DialTimeout = limit
	}
	if c.limiter != nil {
		options.Dial = c.limiter.Dial(nil)
	}
	return options
}

// farewell is how long an interrupted command takes leave of the server, which
// lets go of what it held at once where it hears of it, and in time where not.
const farewell = 500 * time.Millisecond

func (c *call) close() {
	if c.client == nil {
		return
	}
	closed := make(chan struct{})
	go func() {
		defer close(closed)
		_ = c.client.Close() // everything was acknowledged or has failed by now
	}()
	var impatient <-chan time.Time
	if c.Context.Context.Err() != nil {
		impatient = time.After(farewell)
	}
	select {
	case <-closed:
	case <-impatient:
	}
}

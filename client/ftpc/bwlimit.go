package main

import (
	"os"

	"github.com/urfave/cli/v2"

	"ftpd/client"
	"ftpd/internal/command"
)

func bwlimitFlag() cli.Flag {
	return &cli.StringFlag{
		Name:    "bwlimit",
		Usage:   "send and receive at most `RATE` bytes a second each: 500K, 1.5MiB; 0 is no limit",
		EnvVars: []string{"FTPC_BWLIMIT"},
		Value:   "0",
	}
}

// bwlimit returns what --bwlimit asks for, nil for no limit. A variable without a value
// asks for none, and so does a command without the flag.
func bwlimit(c *cli.Context) (*client.Limiter, error) {
	value := c.String("bwlimit")
	variable, set := os.LookupEnv("FTPC_BWLIMIT")
	if value == "" && (!c.IsSet("bwlimit") || set && variable == "") {
		return nil, nil
	}
	rate, ok := command.ParseRate(value)
	switch {
	case ok && rate == 0:
		return nil, nil
	case ok && rate >= client.MinRate:
		return client.NewLimiter(rate), nil
	}
	name := "--bwlimit"
	if set && variable == value {
		name = "FTPC_BWLIMIT"
	}
	if ok {
		return nil, command.Usagef("%s: %s is less than %d bytes a second", name, value, client.MinRate)
	}
	return nil, command.NoRate(name, value)
}

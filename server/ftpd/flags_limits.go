//go:build unix

package main

import (
	"math"

	"github.com/urfave/cli/v2"

	"ftpd/internal/command"
	"ftpd/server"
)

const (
	minMemory = 4       // of --memory, in MiB
	maxMemory = 1 << 20 // likewise
	maxDepth  = 2048    // of --list-depth: no path that a client can name has more
)

// limitFlags are the flags of what clients may use.
func limitFlags() []cli.Flag {
	return []cli.Flag{
		&cli.IntFlag{Name: "max-clients", Value: 10_000, EnvVars: env("MAX_CLIENTS"), Usage: "serve at most `N` connections at once"},
		&cli.IntFlag{Name: "max-per-ip", EnvVars: env("MAX_PER_IP"), Usage: "serve at most `N` of them from one address, or from one /64 network of IPv6; 0 is any number"},
		rate("rate-up", "take at most `RATE` bytes a second from all clients together: 500K, 10M, 1.5MiB; 0 is any number"),
		rate("rate-down", "send at most `RATE` bytes a second to all clients together; 0 is any number"),
		rate("rate-per-ip-up", "take at most `RATE` bytes a second from one address, or from one /64 network of IPv6; 0 is any number"),
		rate("rate-per-ip-down", "send at most `RATE` bytes a second to one address, or to one /64 network of IPv6; 0 is any number"),
		&cli.IntFlag{Name: "in-flight", Value: server.DefaultInFlight, EnvVars: env("IN_FLIGHT"), Usage: "take at most `N` requests of a connection at once"},
		&cli.IntFlag{Name: "list-depth", Value: 1000, EnvVars: env("LIST_DEPTH"), Usage: "list at most `N` directories in each other"},
		&cli.IntFlag{Name: "memory", Value: 256, EnvVars: env("MEMORY"), Usage: "use at most `MIB` of memory for the buffers of all connections"},
	}
}

func rate(name, usage string) cli.Flag {
	return &cli.StringFlag{Name: name, Value: "0", EnvVars: env(variable(name)), Usage: usage}
}

// limits reads those flags.
func limits(c *cli.Context, config *server.Config) error {
	for _, n := range []struct {
		name        string
		field       *int
		least, most int
	}{
		{"max-clients", &config.MaxClients, 1, math.MaxInt32},
		{"max-per-ip", &config.MaxPerAddress, 0, math.MaxInt32},
		{"in-flight", &config.InFlight, 1, math.MaxUint16},
		{"list-depth", &config.ListDepth, 1, maxDepth},
	} {
		*n.field = c.Int(n.name)
		if err := within(c, n.name, *n.field, n.least, n.most); err != nil {
			return err
		}
	}
	mib := c.Int("memory")
	config.Memory = int64(mib) << 20
	if err := within(c, "memory", mib, minMemory, maxMemory); err != nil {
		return err
	}
	return rates(c, config)
}

// within makes an error of a number that is out of its range.
func within(c *cli.Context, name string, n, least, most int) error {
	switch {
	case n < least:
		return wrong(c, name, "%d is not at least %d", n, least)
	case n > most:
		return wrong(c, name, "%d is more than %d", n, most)
	}
	return nil
}

// rates reads the bandwidth limits.
func rates(c *cli.Context, config *server.Config) error {
	for _, r := range []struct {
		name  string
		field *int64
	}{
		{"rate-up", &config.RateUp},
		{"rate-down", &config.RateDown},
		{"rate-per-ip-up", &config.AddressRateUp},
		{"rate-per-ip-down", &config.AddressRateDown},
	} {
		value, ok := command.ParseRate(c.String(r.name))
		switch {
		case !ok:
			return command.NoRate(command.Origin(c, r.name), c.String(r.name))
		case value > 0 && value < server.MinRate:
			return wrong(c, r.name, "%s is less than %d bytes a second", c.String(r.name), server.MinRate)
		}
		*r.field = value
	}
	return nil
}

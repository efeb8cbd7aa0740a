package main

import (
	"crypto/tls"
	"errors"
	"fmt"

	"github.com/urfave/cli/v2"

	"ftpd/client"
	"ftpd/client/trust"
	"ftpd/internal/command"
)

func trustCommand(out *console) *cli.Command {
	return &cli.Command{
		Name:      "trust",
		Usage:     "show the key of a server, and trust it from now on",
		ArgsUsage: "[--remove] [HOST:PORT]",
		Description: "Prints the fingerprint of the server's key and keeps it among the known servers, unless an\n" +
			"authority of this machine vouches for the server. Compare it with what ftpd printed there:\n" +
			"whoever answers now is trusted. With --fingerprint only that key is kept.",
		Flags: []cli.Flag{
			toggle("remove", "", "forget the key of the server"),
		},
		Action: action(out, runTrust),
	}
}

func runTrust(c *call) error {
	if err := c.need(0, 1); err != nil {
		return err
	}
	on, err := c.oneServer()
	if err != nil {
		return err
	}
	c.out.address = on.address
	known, err := c.knownServers()
	if err != nil {
		return err
	}
	if c.Bool("remove") {
		return c.forget(on.address, known)
	}
	on.secure = true
	r, err := c.reliance(on)
	if err != nil {
		return err
	}
	if r.ca != "" || r.insecure {
		return command.Usagef("%s needs no known server", r.origin)
	}
	only, err := r.key()
	if err != nil {
		return err
	}
	return c.meet(on.address, only, known)
}

// oneServer returns the server of a command whose argument, if there is one, names it.
func (c *call) oneServer() (server, error) {
	if c.NArg() > 0 {
		return c.serverOf(c.Args().First())
	}
	asked, fallback, err := c.servers()
	if asked.address == "" {
		asked = fallback
	}
	return asked, err
}

func (c *call) forget(address string, known *trust.Known) error {
	err := known.Remove(c.Context.Context, address)
	if errors.Is(err, trust.ErrNotKnown) {
		err = fmt.Errorf("%s has no entry in it", address)
	}
	return ownFileError(known.File(), err)
}

// meet shows the key of a server, and keeps it where that is needed. only is the one that it
// has to be; empty is any.
func (c *call) meet(address string, only trust.Fingerprint, known *trust.Known) error {
	seen, err := c.look(address)
	if err != nil {
		return err
	}
	c.out.printf("%s %s\n", address, seen.key)
	c.out.flush()
	want, line, kept := known.Lookup(address)
	switch {
	case only != "" && only != seen.key:
		return distrusted(&trust.ChangedError{Address: address, Want: only, Shown: seen.key})
	case kept && want != seen.key:
		return distrusted(&trust.ChangedError{Address: address, Want: want, Shown: seen.key, File: known.File(), Line: line})
	case kept:
		c.out.note("", "it is known already")
		return nil
	case seen.doubt == nil:
		c.out.note("", "an authority of this machine vouches for it: there is nothing to keep")
		return nil
	}
	return c.keep(address, seen.key, known)
}

func distrusted(changed *trust.ChangedError) error {
	return &client.TrustError{Address: changed.Address, Err: changed}
}

// seen is what a look at a server finds.
type seen struct {
	key   trust.Fingerprint
	doubt error // why no authority of this machine vouches for it; nil where one does
}

var errSeen = errors.New("it was only looked at")

// look finds out who answers, and tells them nothing.
func (c *call) look(address string) (seen, error) {
	var found seen
	config := trust.Anyone()
	config.VerifyConnection = func(state tls.ConnectionState) error {
		found.key = trust.FingerprintOf(state.PeerCertificates[0])
		found.doubt = trust.Vouched(address, state)
		return errSeen
	}
	options := c.options()
	options.TLS = config
	_, err := client.Dial(c.Context.Context, address, options)
	if !errors.Is(err, errSeen) {
		return seen{}, err
	}
	return found, nil
}

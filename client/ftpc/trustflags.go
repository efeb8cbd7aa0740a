package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/urfave/cli/v2"

	"ftpd/client"
	"ftpd/client/trust"
	"ftpd/internal/command"
	"ftpd/internal/ownfile"
)

// trustFlags say whether a connection is inside TLS, and which server is the right one.
func trustFlags() []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{
			Name:               "tls",
			Usage:              "speak TLS, as with " + secureScheme + ", whatever names the server",
			EnvVars:            []string{"FTPC_TLS"},
			DisableDefaultText: true,
		},
		&cli.StringFlag{
			Name:    "ca",
			Usage:   "trust the servers that the authorities in `FILE` (PEM) vouch for, and no other",
			EnvVars: []string{"FTPC_CA"},
		},
		&cli.StringFlag{
			Name:    "fingerprint",
			Usage:   "trust the server with the key `SHA256:...`, and no other",
			EnvVars: []string{"FTPC_FINGERPRINT"},
		},
		&cli.StringFlag{
			Name:    "known-servers",
			Usage:   "keep the keys of known servers in `FILE`, in place of the user's own",
			EnvVars: []string{"FTPC_KNOWN_SERVERS"},
		},
		&cli.BoolFlag{
			Name:               "insecure",
			Usage:              "trust whoever answers, and send a password without TLS too",
			EnvVars:            []string{"FTPC_INSECURE"},
			DisableDefaultText: true,
		},
	}
}

// reliance is what the user relies on to know a server, where it is not the known servers and
// the authorities of this machine.
type reliance struct {
	ca          string // a file of certificates
	fingerprint string
	insecure    bool
	origin      string // of it, for an error
}

func (r reliance) none() bool { return r.ca == "" && r.fingerprint == "" && !r.insecure }

func (r reliance) several() bool {
	return r.ca != "" && r.fingerprint != "" || r.insecure && (r.ca != "" || r.fingerprint != "")
}

// key returns the fingerprint, empty where there is none.
func (r reliance) key() (trust.Fingerprint, error) {
	if r.fingerprint == "" {
		return "", nil
	}
	key, err := trust.ParseFingerprint(r.fingerprint)
	if err != nil {
		return "", command.Usagef("%s: %v", r.origin, err)
	}
	return key, nil
}

// reliance returns that of the command line, else that of the profile, else that of the
// environment. One of the
// environment means nothing for a plain connection; one that was given for it would be
// believed in vain.
func (c *call) reliance(on server) (reliance, error) {
	for _, r := range []reliance{c.relianceOf(onLine), c.profile.reliance(), c.relianceOf(inEnvironment)} {
		switch {
		case r.none():
			continue
		case r.several():
			return reliance{}, command.Usagef("of --ca, --fingerprint and --insecure there can be one")
		case on.secure || r.insecure:
			return r, nil
		case strings.HasPrefix(r.origin, "--"):
			usage := command.Usagef("%s is for TLS, and the connection to %s would be plain", r.origin, on)
			usage.Hint = "--tls, or " + secureScheme + on.address + ", is inside TLS"
			return reliance{}, usage
		}
	}
	return reliance{}, nil
}

// Where the value of a flag may stand.
const (
	onLine        = false
	inEnvironment = true
)

// relianceOf reads the flags that stand where they are looked for.
func (c *call) relianceOf(environment bool) reliance {
	var r reliance
	stands := func(name string) bool {
		if !c.stands(name, environment) {
			return false
		}
		r.origin = command.Origin(c.Context, name)
		return true
	}
	if stands("ca") {
		r.ca = c.String("ca")
	}
	if stands("fingerprint") {
		r.fingerprint = c.String("fingerprint")
	}
	if stands("insecure") {
		r.insecure = c.Bool("insecure")
	}
	return r
}

// verification returns how the server is to be verified; nil is a plain connection. The
// known servers are those that it may be added to, nil where the user relies on another.
func (c *call) verification(on server) (*tls.Config, *trust.Known, error) {
	r, err := c.reliance(on)
	switch {
	case err != nil:
		return nil, nil, err
	case !on.secure:
		return nil, nil, nil
	case r.insecure:
		c.out.note("", "--insecure: nobody knows whether it is "+on.address+" that answers")
		return trust.Anyone(), nil, nil
	case r.ca != "":
		pool, err := readAuthorities(r.ca)
		return trust.Authorities(pool), nil, err
	case r.fingerprint != "":
		key, err := r.key()
		return trust.Key(on.address, key), nil, err
	}
	known, err := c.knownServers()
	if err != nil {
		return nil, nil, err
	}
	return trust.FirstUse(on.address, known), known, nil
}

func readAuthorities(file string) (*x509.CertPool, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, failed(file, &client.LocalError{Op: "read", Path: file, Err: err})
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		return nil, failed(file, &client.LocalError{Op: "read", Path: file, Err: errors.New("it has no certificate in PEM")})
	}
	return pool, nil
}

func (c *call) knownServers() (*trust.Known, error) {
	file := c.String("known-servers")
	if file == "" {
		var err error
		if file, err = ownfile.Path("ftpc", "known_servers"); err != nil {
			return nil, &failure{name: "", hint: "--known-servers FILE names it", err: fmt.Errorf("no place for the known servers: %w", err)}
		}
	}
	known, err := trust.LoadKnown(file)
	return known, ownFileError(file, err)
}

// ownFileError is a fault of a file of the user's settings.
func ownFileError(file string, err error) error {
	if err == nil {
		return nil
	}
	hint := ""
	switch {
	case errors.Is(err, ownfile.ErrOpen):
		hint = "chmod go-w " + visible(file)
	case errors.Is(err, ownfile.ErrForeign):
		hint = "where you trust what is in it, make it your own with chown"
	}
	return &failure{name: file, hint: hint, err: &client.LocalError{Op: "read", Path: file, Err: err}}
}

//go:build unix

package main

import (
	"errors"
	"os"
	"path/filepath"

	"github.com/urfave/cli/v2"

	"ftpd/server/identity"
)

func tlsFlags() []cli.Flag {
	return []cli.Flag{
		&cli.BoolFlag{Name: "tls", EnvVars: env("TLS"), Usage: "serve inside TLS 1.3 only; without --cert, with an identity that is made once"},
		&cli.StringFlag{Name: "cert", EnvVars: env("CERT"), Usage: "show the certificate in `FILE`, with those that vouch for it; read again at SIGHUP"},
		&cli.StringFlag{Name: "key", EnvVars: env("KEY"), Usage: "the key of --cert is in `FILE`"},
		&cli.StringFlag{Name: "state-dir", EnvVars: env("STATE_DIR"), Usage: "keep the identity that is made in `DIR`, or else in $STATE_DIRECTORY or ~/.local/state/ftpd"},
	}
}

// identityOf returns what the server shows; nil where it is to be plain. owner is, by number,
// whose the key may be besides root's and this user's.
func identityOf(c *cli.Context, owner int) (*identity.Identity, error) {
	certificate, key := c.String("cert"), c.String("key")
	switch {
	case !c.Bool("tls") && (certificate != "" || key != ""):
		return nil, wrong(c, "cert", "a certificate is for --tls, which is not given")
	case !c.Bool("tls"):
		return nil, nil
	case (certificate == "") != (key == ""):
		return nil, wrong(c, "cert", "--cert and --key belong together")
	}
	id, err := loadIdentity(c, certificate, key, owner)
	switch {
	case errors.Is(err, identity.ErrReadable):
		usage := wrong(c, "key", "%v", err)
		usage.Hint = "chmod o-rwx takes that away"
		return nil, usage
	case errors.Is(err, identity.ErrForeign):
		usage := wrong(c, "key", "%v", err)
		usage.Hint = "chown it to root, or to the user that the server runs as"
		return nil, usage
	}
	return id, err
}

func loadIdentity(c *cli.Context, certificate, key string, owner int) (*identity.Identity, error) {
	if certificate != "" {
		return identity.Load(certificate, key, owner)
	}
	dir, err := stateDir(c)
	if err != nil {
		return nil, err
	}
	return identity.Own(dir, owner)
}

// stateDir is where the server keeps what it has made for itself: where systemd.exec(5)
// says, or the XDG Base Directory Specification.
func stateDir(c *cli.Context) (string, error) {
	if dir := c.String("state-dir"); dir != "" {
		return dir, nil
	}
	if dir := os.Getenv("STATE_DIRECTORY"); dir != "" {
		return dir, nil
	}
	if dir := os.Getenv("XDG_STATE_HOME"); filepath.IsAbs(dir) {
		return filepath.Join(dir, "ftpd"), nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		usage := wrong(c, "state-dir", "there is no directory to keep the server's identity in: %v", err)
		usage.Hint = "name one with --state-dir DIR"
		return "", usage
	}
	return filepath.Join(home, ".local", "state", "ftpd"), nil
}

package main

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"runtime"
	"strings"

	"github.com/urfave/cli/v2"

	"ftpd/client"
	"ftpd/internal/command"
)

// loginFlags say who somebody is, and how they show it. A password is never a flag, for
// everybody on the machine can read command lines.
func loginFlags() []cli.Flag {
	return []cli.Flag{
		&cli.StringFlag{
			Name:    "user",
			Usage:   "log in as `NAME`; the password is asked for, or that of FTPC_PASSWORD",
			EnvVars: []string{"FTPC_USER"},
		},
		&cli.StringFlag{
			Name:    "password-file",
			Usage:   "read the password from `FILE`, which nobody else may read",
			EnvVars: []string{"FTPC_PASSWORD_FILE"},
		},
		&cli.StringFlag{
			Name:    "identity",
			Usage:   "log in with the private key in `FILE`, in place of a password",
			EnvVars: []string{"FTPC_IDENTITY"},
		},
	}
}

// passwordVariable is where a password may stand in the environment.
const passwordVariable = "FTPC_PASSWORD"

// userOf returns whom to log in as, empty where nobody is named: what --user says, else
// what the URL or the profile does, else FTPC_USER.
func (c *call) userOf(on server) (string, error) {
	user := c.String("user")
	switch given := c.stands("user", onLine); {
	case !given && on.user != "":
		return on.user, nil
	case given && on.user != "" && on.user != user && (c.profile == nil || on.user != c.profile.on.user):
		return "", command.Usagef("one command has one user, not %s and %s", user, on.user)
	}
	return user, nil
}

// stands tells whether a flag was given, on the line or in the environment.
func (c *call) stands(name string, environment bool) bool {
	return c.IsSet(name) && strings.HasPrefix(command.Origin(c.Context, name), "--") != environment
}

// identityOf returns the file of the private key to log in with, empty where a password is
// to be used.
func (c *call) identityOf() (string, error) {
	switch password, key := c.stands("password-file", onLine), c.stands("identity", onLine); {
	case password && key:
		return "", errTwoSecrets()
	case password:
		return "", nil
	case !key && c.profile != nil && (c.profile.identity != "" || c.profile.passwordFile != ""):
		return c.profile.identity, nil
	}
	return c.String("identity"), nil
}

func errTwoSecrets() error {
	return command.Usagef("of --password-file and --identity there can be one")
}

// Passwords in a file or a variable are of this length at most, in bytes, as in the protocol.
const maxPassword = 1024

// givenPassword returns the password that stands somewhere: a file, or the environment. It is
// nil where there is none.
func (c *call) givenPassword() ([]byte, error) {
	file := c.String("password-file")
	variable := os.Getenv(passwordVariable)
	switch {
	case c.profile != nil && c.profile.passwordFile != "" && !c.stands("password-file", onLine):
		return readPassword(c.profile.passwordFile)
	case file != "" && (c.stands("password-file", onLine) || variable == ""):
		return readPassword(file)
	case variable == "":
		return nil, nil
	case len(variable) > maxPassword:
		return nil, command.Usagef("%s is longer than %d bytes", passwordVariable, maxPassword)
	}
	return []byte(variable), nil
}

// errReadable is that others than its owner may read a secret.
var errReadable = errors.New("others than its owner may read it")

// errPublic is that a file has the public half of a key.
var errPublic = errors.New("it is a public key")

// secretFault is a fault of a file that holds a secret.
func secretFault(file string, err error) error {
	hint := ""
	switch {
	case errors.Is(err, errReadable):
		hint = "chmod go= " + visible(file)
	case errors.Is(err, errPublic):
		hint = "--identity names the private one, which ssh-keygen writes to the same name without .pub"
	}
	return &failure{name: file, hint: hint, err: &client.LocalError{Op: "read", Path: file, Err: err}}
}

// readPassword reads the only line of a file.
func readPassword(file string) ([]byte, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, secretFault(file, err)
	}
	defer f.Close()
	if err := onlyOwn(f); err != nil {
		return nil, secretFault(file, err)
	}
	text := make([]byte, maxPassword+3) // its end of line, and one byte that is too many
	n, err := io.ReadFull(f, text)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, secretFault(file, err)
	}
	password := bytes.TrimSuffix(bytes.TrimSuffix(text[:n], []byte("\n")), []byte("\r"))
	switch {
	case len(password) == 0:
		return nil, secretFault(file, errors.New("there is no password in it"))
	case len(password) > maxPassword || bytes.ContainsAny(password, "\r\n"):
		return nil, secretFault(file, errors.New("it is more than a password"))
	}
	return password, nil
}

// onlyOwn refuses a file that others may read.
func onlyOwn(f *os.File) error {
	info, err := f.Stat()
	if err == nil && info.Mode()&0o077 != 0 && runtime.GOOS != "windows" { // which shows no such bits
		err = errReadable
	}
	return err
}

// warnOfPassword says that a password goes to everybody on the way, where --insecure has it.
func (c *call) warnOfPassword(user string, on server) {
	host, _, _ := net.SplitHostPort(on.address) // it has a port
	name, _, _ := strings.Cut(host, "%")
	if c.Bool("insecure") && !on.secure && host != "localhost" && !net.ParseIP(name).IsLoopback() {
		c.out.note("", "--insecure: the password of "+visible(user)+" goes to "+on.address+" in the open")
	}
}

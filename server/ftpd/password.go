//go:build unix

package main

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	"golang.org/x/term"

	"ftpd/internal/command"
	"ftpd/server/access"
)

// password returns the hash of what is in a file or, without one, of what is typed
// twice.
func password(file string, stderr io.Writer) (string, error) {
	secret, err := secret(file, stderr)
	if err != nil {
		return "", err
	}
	defer clear(secret)
	return access.HashPassword(secret)
}

func secret(file string, stderr io.Writer) ([]byte, error) {
	if file == "" {
		return typed(stderr)
	}
	f, err := os.Open(file)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case info.Mode()&0o077 != 0:
		return nil, &hinted{fmt.Errorf("%s: others than its owner may read it (mode %04o)", file, info.Mode().Perm()), "chmod go= " + file}
	}
	text, err := io.ReadAll(io.LimitReader(f, maxPasswordFile))
	if err != nil {
		return nil, err
	}
	text = bytes.TrimSuffix(bytes.TrimSuffix(text, []byte("\n")), []byte("\r"))
	if bytes.ContainsAny(text, "\n\x00") {
		return nil, fmt.Errorf("%s: a password is one line", file)
	}
	return text, nil
}

// maxPasswordFile is more than a password has, in bytes.
const maxPasswordFile = 4 << 10

func typed(stderr io.Writer) ([]byte, error) {
	if !term.IsTerminal(int(os.Stdin.Fd())) {
		usage := command.Usagef("there is no terminal to type a password on")
		usage.Hint = "--password-file FILE reads it from a file"
		return nil, usage
	}
	first, err := prompt("Password: ", stderr)
	if err != nil {
		return nil, err
	}
	second, err := prompt("Again: ", stderr)
	if err != nil {
		return nil, err
	}
	defer clear(second)
	if !bytes.Equal(first, second) {
		return nil, errors.New("the two passwords differ")
	}
	return first, nil
}

// prompt reads a line without showing it.
func prompt(what string, stderr io.Writer) ([]byte, error) {
	_, _ = io.WriteString(stderr, what) // who does not see it may still type
	line, err := term.ReadPassword(int(os.Stdin.Fd()))
	_, _ = io.WriteString(stderr, "\n")
	return line, err
}

package main

import (
	"errors"
	"io"

	"ftpd/client"
	"ftpd/client/trust"
)

// dial connects to the server of a command. Whether an unknown server is the right one is
// asked between two dials, so that nobody has to answer under a timeout; only that one is told a password.
func (c *call) dial(on server) error {
	on.secure = on.secure || c.Bool("tls")
	c.server, c.out.address = on, on.address
	verification, known, err := c.verification(on)
	if err != nil {
		return err
	}
	options := c.options()
	options.TLS = verification
	if options.Login, err = c.login(on); err != nil {
		return err
	}
	if options.Login != nil {
		c.out.user, c.out.plain = options.Login.User, !on.secure
	}
	c.client, err = client.Dial(c.Context.Context, on.address, options)
	unknown, asks := errors.AsType[*trust.UnknownError](err)
	if !asks || known == nil {
		return err
	}
	if err := c.introduce(unknown, known, err); err != nil {
		return err
	}
	c.client, err = client.Dial(c.Context.Context, on.address, options)
	return err
}

// introduce asks whether an unknown server is the right one, and keeps its key if so.
// Otherwise, or where there is nobody to be asked, refusal is the error.
func (c *call) introduce(unknown *trust.UnknownError, known *trust.Known, refusal error) error {
	defer c.out.hold()()
	t, err := openDialogue()
	if err != nil {
		return refusal
	}
	defer t.close()
	t.printf("ftpc: %s is not known here, and no authority vouches for it: %s\n", unknown.Address, visible(unknown.Reason.Error()))
	t.printf("its key is %s\n", unknown.Shown)
	for question := "Is it the server that you mean (yes, no or its fingerprint)? "; ; question = "yes, no or the fingerprint: " {
		t.printf("%s", question)
		answer, err := t.line(c.Context.Context)
		switch {
		case errors.Is(err, io.EOF), answer == "no":
			return refusal
		case err != nil:
			return err
		case answer == "yes", answer == string(unknown.Shown):
			return c.keep(unknown.Address, unknown.Shown, known)
		}
	}
}

// keep adds a server to the known ones.
func (c *call) keep(address string, key trust.Fingerprint, known *trust.Known) error {
	if err := known.Add(c.Context.Context, address, key); err != nil {
		if changed, ok := errors.AsType[*trust.ChangedError](err); ok {
			return distrusted(changed)
		}
		return ownFileError(known.File(), err)
	}
	c.out.note("", "its key is kept in "+visible(known.File()))
	return nil
}

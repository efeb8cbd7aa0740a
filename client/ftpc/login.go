package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"os"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"

	"ftpd/client"
)

// login returns how to log in; nil where nobody is named.
func (c *call) login(on server) (*client.Login, error) {
	user, err := c.userOf(on)
	if err != nil || user == "" {
		return nil, err
	}
	login := &client.Login{User: user, PlainPassword: c.Bool("insecure")}
	file, err := c.identityOf()
	if err != nil {
		return nil, err
	}
	if file != "" {
		c.out.identity = file
		signer, err := c.readIdentity(file)
		login.Signers = []ssh.Signer{signer}
		return login, err
	}
	password, err := c.givenPassword()
	if err != nil {
		return nil, err
	}
	if password == nil {
		keys := agentSigners()
		login.Signers = keys[:min(len(keys), maxAgentKeys)]
		c.out.unoffered = len(keys) - len(login.Signers)
	}
	login.Password = func(ctx context.Context) ([]byte, error) {
		if password != nil {
			return password, nil
		}
		return c.askPassword(ctx, user)
	}
	c.warnOfPassword(user, on)
	return login, nil
}

// askPassword has somebody type the password of a user.
func (c *call) askPassword(ctx context.Context, user string) ([]byte, error) {
	defer c.out.hold()()
	d, err := openDialogue()
	if err != nil {
		return nil, &failure{hint: "there is no terminal to ask on: use " + passwordVariable + ", --password-file or --identity", err: errNoPassword}
	}
	defer d.close()
	password, err := d.secret(ctx, "Password of "+visible(user)+" on "+c.server.address+": ")
	if errors.Is(err, io.EOF) || err == nil && len(password) == 0 {
		err = errNoPassword
	}
	return password, err
}

// errNoPassword is a login that there is nothing for.
var errNoPassword = errors.New("no password was given")

// readIdentity reads a private key. One with a passphrase is looked for in the agent before
// the passphrase is asked for.
func (c *call) readIdentity(file string) (ssh.Signer, error) {
	f, err := os.Open(file)
	if err != nil {
		return nil, secretFault(file, err)
	}
	defer f.Close()
	const longest = 64 << 10 // an RSA key of 16 Kibit has 13 KiB
	text, err := io.ReadAll(io.LimitReader(f, longest))
	if err != nil {
		return nil, secretFault(file, err)
	}
	if _, _, _, _, err := ssh.ParseAuthorizedKey(text); err == nil { // before its mode, which is no matter
		return nil, secretFault(file, errPublic)
	}
	if err := onlyOwn(f); err != nil {
		return nil, secretFault(file, err)
	}
	signer, err := ssh.ParsePrivateKey(text)
	locked, ok := errors.AsType[*ssh.PassphraseMissingError](err)
	switch {
	case err == nil:
		return signer, nil
	case !ok:
		return nil, secretFault(file, err)
	}
	if signer := agentSigner(locked.PublicKey); signer != nil {
		return signer, nil
	}
	return c.unlock(file, text)
}

// unlock asks for the passphrase of a key.
func (c *call) unlock(file string, text []byte) (ssh.Signer, error) {
	defer c.out.hold()()
	d, err := openDialogue()
	if err != nil {
		return nil, &failure{name: file, hint: "ssh-add " + visible(file) + " has the agent keep it", err: errLocked}
	}
	defer d.close()
	passphrase, err := d.secret(c.Context.Context, "Passphrase of "+visible(file)+": ")
	if errors.Is(err, io.EOF) {
		err = failed(file, errLocked)
	}
	if err != nil {
		return nil, err
	}
	signer, err := ssh.ParsePrivateKeyWithPassphrase(text, passphrase)
	if err != nil {
		return nil, secretFault(file, errors.New("the passphrase is not that of the key"))
	}
	return signer, nil
}

var errLocked = &client.LocalError{Op: "read", Err: errors.New("the key has a passphrase")}

// agentSigners returns the keys of the agent that SSH_AUTH_SOCK names, none where there is no
// agent. Its connection stays open until the program ends, for every login asks it.
func agentSigners() []ssh.Signer {
	socket := os.Getenv("SSH_AUTH_SOCK")
	if socket == "" {
		return nil
	}
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return nil // it may have ended long ago; there is the password
	}
	signers, err := agent.NewClient(conn).Signers()
	if err != nil {
		_ = conn.Close() // nothing is asked of it any more
	}
	return signers
}

// maxAgentKeys is how many keys of an agent are tried where none is named: each costs a round
// trip and a signature, and sshd takes no more either (MaxAuthTries of sshd_config(5)).
const maxAgentKeys = 6

// agentSigner returns the agent's signer for a public key, nil where it has none.
func agentSigner(key ssh.PublicKey) ssh.Signer {
	if key == nil {
		return nil
	}
	for _, signer := range agentSigners() {
		if bytes.Equal(signer.PublicKey().Marshal(), key.Marshal()) {
			return signer
		}
	}
	return nil
}

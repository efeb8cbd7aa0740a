package access

import (
	"bytes"
	"crypto/rsa"
	"errors"
	"fmt"
	"slices"

	"golang.org/x/crypto/ssh"

	"ftpd/protocol"
)

// minRSA is the least size of an RSA key, in bits (NIST SP 800-57, part 1, table 2).
const minRSA = 2048

// signatures are the formats of signatures that are taken, by the key's type. Those of
// ssh-rsa with SHA-1 are not.
var signatures = map[string][]string{
	ssh.KeyAlgoED25519: {ssh.KeyAlgoED25519},
	ssh.KeyAlgoRSA:     {ssh.KeyAlgoRSASHA256, ssh.KeyAlgoRSASHA512},
}

// ParseKeyLine reads a line of an authorized_keys file (sshd(8)) and returns it as the
// users file keeps it. Options are refused, for nothing would heed them.
func ParseKeyLine(line []byte) (string, error) {
	key, comment, options, rest, err := ssh.ParseAuthorizedKey(line)
	switch {
	case err != nil:
		return "", errors.New("not a public key as authorized_keys has it: TYPE BASE64 COMMENT")
	case len(options) > 0:
		return "", fmt.Errorf("a key has options, such as %q, which mean nothing here: leave them out", options[0])
	case len(bytes.TrimSpace(rest)) > 0:
		return "", errors.New("more than one key in a line")
	}
	if err := strongEnough(key); err != nil {
		return "", err
	}
	text := string(bytes.TrimSpace(ssh.MarshalAuthorizedKey(key)))
	if comment != "" {
		text += " " + comment
	}
	return text, nil
}

// keyBlob returns the wire form of a key of the users file.
func keyBlob(line string) (string, error) {
	if canonical, err := ParseKeyLine([]byte(line)); err != nil {
		return "", err
	} else if canonical != line {
		return "", errors.New("a key is not written as TYPE BASE64 COMMENT")
	}
	key, _, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
	if err != nil {
		return "", err
	}
	return string(key.Marshal()), nil
}

// KeyTitle returns the fingerprint of a key of the users file, as ssh-keygen -l prints
// it, and its comment.
func KeyTitle(line string) string {
	key, comment, _, _, err := ssh.ParseAuthorizedKey([]byte(line))
	if err != nil {
		return "?"
	}
	if comment != "" {
		comment = " " + comment
	}
	return ssh.FingerprintSHA256(key) + comment
}

// strongEnough tells whether a key is one that is taken.
func strongEnough(key ssh.PublicKey) error {
	if signatures[key.Type()] == nil {
		return fmt.Errorf("a key is of the type %q: use ssh-ed25519 or ssh-rsa", key.Type())
	}
	crypto, ok := key.(ssh.CryptoPublicKey)
	if !ok {
		return nil
	}
	if public, ok := crypto.CryptoPublicKey().(*rsa.PublicKey); ok && public.N.BitLen() < minRSA {
		return fmt.Errorf("an RSA key has %d bits: use one of at least %d, or ed25519", public.N.BitLen(), minRSA)
	}
	return nil
}

// signed reports whether the key that an attempt names has signed this very login.
func signed(exporter []byte, user string, blob, signature []byte) bool {
	key, err := ssh.ParsePublicKey(blob)
	if err != nil || strongEnough(key) != nil || len(exporter) != protocol.LoginExporterLen {
		return false
	}
	var s ssh.Signature
	if ssh.Unmarshal(signature, &s) != nil || len(s.Rest) > 0 {
		return false
	}
	return slices.Contains(signatures[key.Type()], s.Format) &&
		key.Verify(protocol.LoginText(exporter, user, blob), &s) == nil
}

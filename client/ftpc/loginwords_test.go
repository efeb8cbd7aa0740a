package main

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"ftpd/client"
	"ftpd/protocol"
)

// A key of a type that no server takes is not to be given to one.
func TestKeyOfAnotherType(t *testing.T) {
	curve, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	edwards, _, err := ed25519.GenerateKey(nil)
	if err != nil {
		t.Fatal(err)
	}
	for want, public := range map[string]any{
		"no ecdsa-sha2-nistp256: ssh-keygen -t ed25519":    curve.Public(),
		"the server takes the keys that ftpd user set ann": edwards,
	} {
		key, err := ssh.NewPublicKey(public)
		if err != nil {
			t.Fatal(err)
		}
		s := setting{user: "ann", identity: "key"}
		refusal := &client.KeysError{Keys: []ssh.PublicKey{key}, Err: refused(protocol.Auth, "login failed")}
		if hint := s.explain(refusal).hint; !strings.Contains(hint, want) {
			t.Errorf("hint %q, not %q", hint, want)
		}
	}
}

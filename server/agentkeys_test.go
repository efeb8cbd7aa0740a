//go:build unix

package server

import (
	"crypto/ed25519"
	"crypto/rand"
	"testing"

	"golang.org/x/crypto/ssh"

	"ftpd/client"
)

// TestKeysOfAnAgent: who offers keys that are not known here, as an agent does, guesses
// nothing, and is not refused for it, however often.
func TestKeysOfAnAgent(t *testing.T) {
	p := populate(t)
	mine := p.keyed("alice")
	d := run(t, t.TempDir(), "--tls", "--state-dir", t.TempDir(), "--users", p.file, "--login-failures", "3")
	var signers []ssh.Signer
	for range 2 {
		_, key, err := ed25519.GenerateKey(rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		s, err := ssh.NewSignerFromKey(key)
		if err != nil {
			t.Fatal(err)
		}
		signers = append(signers, s)
	}
	for range 4 {
		c, err := client.Dial(t.Context(), d.address, &client.Options{TLS: blind(), Login: &client.Login{User: "alice", Signers: append(signers, mine)}})
		if err != nil {
			t.Fatal(err)
		}
		_ = c.Close()
	}
}

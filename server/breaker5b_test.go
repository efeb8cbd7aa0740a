//go:build unix

package server

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

	"ftpd/client"
)

func TestBreakerAgentKeys(t *testing.T) {
	p := populate(t)
	mine := p.keyed("alice")
	d := run(t, t.TempDir(), "--tls", "--state-dir", t.TempDir(), "--users", p.file)
	var signers []ssh.Signer
	for range 2 {
		_, key, _ := ed25519.GenerateKey(rand.Reader)
		s, _ := ssh.NewSignerFromKey(key)
		signers = append(signers, s)
	}
	signers = append(signers, mine)
	for i := range 8 {
		began := time.Now()
		c, err := client.Dial(context.Background(), d.address, &client.Options{TLS: blind(), Login: &client.Login{User: "alice", Signers: signers}})
		t.Logf("dial %d: %v after %v", i, err, time.Since(began))
		if err != nil {
			t.Errorf("a user whose every login has succeeded is locked out")
			break
		}
		_ = c.Close()
	}
}

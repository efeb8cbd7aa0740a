//go:build unix

package server

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"

	"ftpd/client"
	"ftpd/protocol"
)

// blind is TLS to a server whose certificate does not matter.
func blind() *tls.Config {
	return &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"ftpd/1"}}
}

// keyed adds a user with a key.
func (p *population) keyed(name string) ssh.Signer {
	p.t.Helper()
	_, key, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		p.t.Fatal(err)
	}
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		p.t.Fatal(err)
	}
	file := filepath.Join(p.dir, name+".pub")
	if err := os.WriteFile(file, ssh.MarshalAuthorizedKey(signer.PublicKey()), 0o600); err != nil {
		p.t.Fatal(err)
	}
	p.must("add", name, "--key", file)
	return signer
}

func TestLoginWithAKey(t *testing.T) {
	p := populate(t)
	key, other := p.keyed("alice"), p.keyed("bob")
	d := run(t, t.TempDir(), "--tls", "--state-dir", t.TempDir(), "--users", p.file)
	enter := func(user string, signers ...ssh.Signer) error {
		c, err := client.Dial(t.Context(), d.address, &client.Options{TLS: blind(), Login: &client.Login{User: user, Signers: signers}})
		if err == nil {
			put(t, c, "from "+user, "x")
			_ = c.Close()
		}
		return err
	}
	if err := enter("alice", other, key); err != nil {
		t.Errorf("with the second key: %v", err)
	}
	if err := enter("bob", key); !errors.Is(err, client.ErrAuth) {
		t.Errorf("with the key of another user: %v", err)
	}
}

// securedTalk is a connection by hand inside TLS, once HELLO was answered.
func securedTalk(t *testing.T, address string) (*talker, *tls.Conn) {
	t.Helper()
	conn, err := tls.Dial("tcp", address, blind())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	c := talk(t, conn)
	if f := ask(c, 0, protocol.Hello{InFlight: 4, Agent: "raw"}); f.Opcode != protocol.OpWelcome {
		t.Fatalf("HELLO is answered with %s", f.Opcode)
	}
	return c, conn
}

// TestReplayedSignature sends what another connection was let in with.
func TestReplayedSignature(t *testing.T) {
	p := populate(t)
	key := p.keyed("alice")
	d := run(t, t.TempDir(), "--tls", "--state-dir", t.TempDir(), "--users", p.file)
	first, conn := securedTalk(t, d.address)
	state := conn.ConnectionState()
	exporter, err := state.ExportKeyingMaterial(protocol.LoginExporter, nil, protocol.LoginExporterLen)
	if err != nil {
		t.Fatal(err)
	}
	blob := key.PublicKey().Marshal()
	s, err := key.Sign(rand.Reader, protocol.LoginText(exporter, "alice", blob))
	if err != nil {
		t.Fatal(err)
	}
	m := protocol.Authenticate{Method: protocol.PublicKey, User: "alice", Credential: blob, Signature: ssh.Marshal(s)}
	second, _ := securedTalk(t, d.address)
	if f := ask(second, 1, m); f.Opcode != protocol.OpError || decoded[protocol.Error](t, f).Code != protocol.Auth {
		t.Errorf("replayed: %s", f.Opcode)
	}
	if f := ask(first, 1, m); f.Opcode != protocol.OpOK {
		t.Errorf("on its own connection: %s", f.Opcode)
	}
}

// wiretap keeps what passes a connection.
type wiretap struct {
	net.Conn
	mu   *sync.Mutex
	seen *bytes.Buffer
}

func (w *wiretap) Write(b []byte) (int, error) {
	w.mu.Lock()
	w.seen.Write(b)
	w.mu.Unlock()
	return w.Conn.Write(b)
}

// TestCaptureOfALogin: inside TLS neither the password nor the user can be seen. Outside
// they can, which shows that the test looks.
func TestCaptureOfALogin(t *testing.T) {
	needsPlain(t)
	p := populate(t)
	p.add("somebody", "open sesame")
	for _, inside := range []bool{false, true} {
		flags, options := []string{"--users", p.file}, client.Options{Login: credentials("somebody", "open sesame")}
		if inside {
			flags, options.TLS = append(flags, "--tls", "--state-dir", t.TempDir()), blind()
		}
		d := run(t, t.TempDir(), flags...)
		tap := &wiretap{mu: new(sync.Mutex), seen: new(bytes.Buffer)}
		options.Dial = func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := new(net.Dialer).DialContext(ctx, network, address)
			return &wiretap{conn, tap.mu, tap.seen}, err
		}
		c, err := client.Dial(t.Context(), d.address, &options)
		if err != nil {
			t.Fatal(err)
		}
		_ = c.Close()
		for _, secret := range []string{"open sesame", "somebody"} {
			if bytes.Contains(tap.seen.Bytes(), []byte(secret)) == inside {
				t.Errorf("inside TLS %t: %q is seen: %t", inside, secret, !inside)
			}
		}
	}
}

package client

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/rsa"
	"crypto/tls"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"

	"golang.org/x/crypto/ssh"

	"ftpd/protocol"
)

// welcomeUsers greets as a server that has users.
func (p *peer) welcomeUsers() {
	p.expect(protocol.OpHello)
	p.send(0, protocol.Welcome{InFlight: 8, Features: protocol.FeatureLogin | protocol.FeatureNoAnonymous, BlockSize: protocol.BlockSize, Agent: "peer"})
}

// auth returns the next frame, an AUTH.
func (p *peer) auth() (protocol.Authenticate, uint32) {
	f := p.expect(protocol.OpAuth)
	return decoded[protocol.Authenticate](p, f), f.Request
}

// secret is a Login that knows its password, and counts how often it is asked.
func secret(password string, asked *int) *Login {
	return &Login{User: "alice", PlainPassword: true, Password: func(context.Context) ([]byte, error) {
		*asked++
		return []byte(password), nil
	}}
}

func signers(t *testing.T) []ssh.Signer {
	t.Helper()
	_, ed, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	big, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	var list []ssh.Signer
	for _, key := range []any{ed, big} {
		signer, err := ssh.NewSignerFromKey(key)
		if err != nil {
			t.Fatal(err)
		}
		list = append(list, signer)
	}
	return list
}

// TestLoginWithKeys has a server refuse two keys and take the password. Each signature
// is of this connection; the first request comes behind, and PING is where it should be.
func TestLoginWithKeys(t *testing.T) {
	keys := signers(t)
	asked := 0
	o := securely(t)
	o.silent, o.options.Login = true, secret("sesame", &asked)
	o.options.Login.Signers = keys
	c := withPeer(t, o, func(p *peer) {
		p.welcomeUsers()
		state := p.conn.(*tls.Conn).ConnectionState()
		exporter, err := state.ExportKeyingMaterial("EXPORTER-ftpd/1-login", nil, 32)
		if err != nil {
			t.Error(err)
		}
		for i, format := range []string{"ssh-ed25519", "rsa-sha2-512"} {
			m, id := p.auth()
			var s ssh.Signature
			if err := ssh.Unmarshal(m.Signature, &s); err != nil || s.Format != format {
				t.Errorf("the signature is %q: %v", s.Format, err)
			}
			text := protocol.LoginText(exporter, "alice", keys[i].PublicKey().Marshal())
			if err := keys[i].PublicKey().Verify(text, &s); err != nil || m.User != "alice" || !bytes.Equal(m.Credential, keys[i].PublicKey().Marshal()) {
				t.Errorf("key %d: %v", i, err)
			}
			p.fail(id, protocol.Auth)
		}
		m, id := p.auth()
		if m.Method != protocol.Password || string(m.Credential) != "sesame" {
			t.Errorf("%+v", m)
		}
		p.send(id, protocol.OK{})
		ping := p.expect(protocol.OpPing)
		if err := decoded[protocol.Ping](p, ping).InPlace(p.decoder.Taken()); err != nil {
			t.Error(err)
		}
		p.pong(ping)
		p.drain()
	})
	if _, err := c.Ping(t.Context()); err != nil || asked != 1 || !c.Server().Users {
		t.Errorf("asked %d times, %v", asked, err)
	}
}

// dialed counts the connections of a client whose servers run a script each.
type dialed struct {
	t       *testing.T
	count   int
	running sync.WaitGroup
}

func (d *dialed) options(script func(p *peer, n int)) Options {
	return Options{Retries: 5, Timeout: -1, Dial: func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		p := &peer{t: d.t, conn: theirs, decoder: protocol.NewDecoder(protocol.Client)}
		p.decoder.Attach(make([]byte, protocol.BlockBuffer))
		d.count++
		n := d.count
		d.running.Go(func() {
			defer theirs.Close()
			script(p, n)
		})
		return ours, nil
	}}
}

func TestRefusedLoginIsNotRetried(t *testing.T) {
	asked := 0
	d := &dialed{t: t}
	o := d.options(func(p *peer, _ int) {
		p.welcomeUsers()
		_, id := p.auth()
		p.fail(id, protocol.Auth)
		p.drain()
	})
	o.Login = secret("wrong", &asked)
	_, err := Dial(t.Context(), "host", &o)
	d.running.Wait()
	if said, ok := errors.AsType[*Error](err); !ok || said.Op != "login" || !errors.Is(err, ErrAuth) || d.count != 1 || asked != 1 {
		t.Errorf("%v, after %d connections", err, d.count)
	}
}

// TestLoginOnEveryConnection loses the first one. The password is asked for once.
func TestLoginOnEveryConnection(t *testing.T) {
	asked := 0
	d := &dialed{t: t}
	o := d.options(func(p *peer, n int) {
		p.welcomeUsers()
		m, id := p.auth()
		if string(m.Credential) != "sesame" {
			t.Errorf("connection %d: %+v", n, m)
		}
		p.send(id, protocol.OK{})
		f := p.expect(protocol.OpStat)
		if n > 1 {
			p.send(f.Request, metaOfFile(nil))
			p.drain()
		}
	})
	o.Login = secret("sesame", &asked)
	c, err := Dial(t.Context(), "host", &o)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Stat(t.Context(), "a"); err != nil || d.count != 2 || asked != 1 {
		t.Errorf("%v, %d connections, asked %d times", err, d.count, asked)
	}
	_ = c.Close()
	d.running.Wait()
}

// TestPasswordThatTakesLong is sent on a connection of its own.
func TestPasswordThatTakesLong(t *testing.T) {
	asked := 0
	d := &dialed{t: t}
	o := d.options(func(p *peer, n int) {
		p.welcomeUsers()
		if n == 2 {
			_, id := p.auth()
			p.send(id, protocol.OK{})
		}
		p.drain()
	})
	o.Login = secret("sesame", &asked)
	limits := defaultLimits()
	limits.typing = -1
	c, err := dialFirst(t.Context(), "host", o.withDefaults(), limits)
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
	d.running.Wait()
	if d.count != 2 || asked != 1 {
		t.Errorf("%d connections, asked %d times", d.count, asked)
	}
}

// TestLoginThatCannotBe sends nothing that is secret, and dials once.
func TestLoginThatCannotBe(t *testing.T) {
	typed := errors.New("nobody typed")
	never := func(context.Context) ([]byte, error) { t.Error("it asks for a password"); return nil, typed }
	for _, test := range []struct {
		name     string
		features protocol.Features
		login    Login
		want     error
		says     string
	}{
		{"a server without users", 0, Login{User: "alice", Password: never}, ErrUnsupported, "no users"},
		{"outside TLS", protocol.FeatureLogin, Login{User: "alice", Password: never}, ErrAuth, "outside TLS"},
		{"a key outside TLS", protocol.FeatureLogin, Login{User: "alice", Signers: signers(t)}, ErrAuth, "inside TLS only"},
		{"nothing to log in with", protocol.FeatureLogin, Login{User: "alice"}, ErrAuth, "neither"},
		{"no name", protocol.FeatureLogin, Login{User: "a\n", Password: never}, ErrInvalid, "control"},
		{"too long", protocol.FeatureLogin, Login{User: "a", PlainPassword: true, Password: func(context.Context) ([]byte, error) { return make([]byte, 1025), nil }}, ErrInvalid, "1024"},
		{"nothing typed", protocol.FeatureLogin, Login{User: "a", PlainPassword: true, Password: func(context.Context) ([]byte, error) { return nil, typed }}, typed, "nobody typed"},
	} {
		d := &dialed{t: t}
		o := d.options(func(p *peer, _ int) {
			p.expect(protocol.OpHello)
			p.send(0, protocol.Welcome{InFlight: 8, Features: test.features, BlockSize: protocol.BlockSize})
			if f, ok := p.next(); ok {
				t.Errorf("%s: %s came", test.name, f.Opcode)
			}
		})
		o.Login = &test.login
		_, err := Dial(t.Context(), "host", &o)
		d.running.Wait()
		if !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.says) || errors.Is(err, ErrNetwork) || d.count != 1 {
			t.Errorf("%s: %v, after %d connections", test.name, err, d.count)
		}
	}
}

// TestHostileAnswersToALogin has what a server may answer AUTH with that it should not.
func TestHostileAnswersToALogin(t *testing.T) {
	for name, answer := range map[string]func(p *peer, id uint32){
		"another request": func(p *peer, id uint32) { p.send(id+1, protocol.OK{}) },
		"another message": func(p *peer, id uint32) { p.send(id, metaOfFile(nil)) },
		"the connection":  func(p *peer, _ uint32) { p.send(0, protocol.Error{Code: protocol.Protocol, Message: "no"}) },
		"goodbye":         func(p *peer, _ uint32) { p.send(0, protocol.Goaway{Code: protocol.Auth, Message: "no"}) },
		"nonsense":        func(p *peer, _ uint32) { p.raw(bytes.Repeat([]byte{1}, 40)) },
		"nothing":         func(*peer, uint32) {},
	} {
		asked := 0
		o := peerOptions{silent: true, options: Options{Login: secret("x", &asked)}}
		_, err := dialPeer(t, o, func(p *peer) {
			p.welcomeUsers()
			_, id := p.auth()
			answer(p, id)
		})
		if err == nil || errors.Is(err, ErrAuth) && name != "goodbye" {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestLoginIsInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	asked := 0
	d := &dialed{t: t}
	o := d.options(func(p *peer, _ int) {
		p.welcomeUsers()
		p.auth()
		cancel() // and no answer comes
		p.drain()
	})
	o.Login = secret("x", &asked)
	_, err := Dial(ctx, "host", &o)
	d.running.Wait()
	if !errors.Is(err, context.Canceled) {
		t.Errorf("%v", err)
	}
}

package client

import (
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"slices"
	"testing"

	"golang.org/x/crypto/ssh"

	"ftpd/protocol"
)

// secureOptions puts each connection of dialed into TLS.
func (d *dialed) secureOptions(script func(p *peer, n int)) Options {
	secure := securely(d.t)
	o := d.options(func(p *peer, n int) {
		p.conn = tls.Server(p.conn, secure.tls)
		script(p, n)
	})
	o.TLS = secure.options.TLS
	return o
}

// answerKeys answers AUTH until one is accepted or the password comes, and returns which keys
// were offered, as numbers of all.
func answerKeys(p *peer, all []ssh.Signer, accepted int) (offered []int) {
	for {
		m, id := p.auth()
		if m.Method == protocol.Password {
			p.send(id, protocol.OK{})
			return append(offered, -1)
		}
		i := slices.IndexFunc(all, func(s ssh.Signer) bool { return bytes.Equal(s.PublicKey().Marshal(), m.Credential) })
		offered = append(offered, i)
		if i == accepted {
			p.send(id, protocol.OK{})
			return offered
		}
		p.fail(id, protocol.Auth)
	}
}

// TestKeysOnEveryConnection loses the first one. What was accepted there is what the second one
// offers, and no key that was refused.
func TestKeysOnEveryConnection(t *testing.T) {
	for _, test := range []struct {
		name          string
		accepted      int // -1 is the password
		first, second []int
	}{
		{"first key", 0, []int{0}, []int{0}},
		{"second key", 1, []int{0, 1}, []int{1}},
		{"password", -1, []int{0, 1, -1}, []int{-1}},
	} {
		t.Run(test.name, func(t *testing.T) {
			keys, asked := signers(t), 0
			var offered [2][]int
			d := &dialed{t: t}
			o := d.secureOptions(func(p *peer, n int) {
				p.welcomeUsers()
				offered[n-1] = answerKeys(p, keys, test.accepted)
				if f := p.expect(protocol.OpStat); n > 1 {
					p.send(f.Request, metaOfFile(nil))
					p.drain()
				}
			})
			o.Login = secret("sesame", &asked)
			o.Login.Signers = keys
			c, err := Dial(t.Context(), "peer", &o)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := c.Stat(t.Context(), "a"); err != nil {
				t.Error(err)
			}
			_ = c.Close()
			d.running.Wait()
			if !slices.Equal(offered[0], test.first) || !slices.Equal(offered[1], test.second) {
				t.Errorf("offered %v and then %v", offered[0], offered[1])
			}
		})
	}
}

// TestKeysError names the keys that were of no use, whatever comes of the password.
func TestKeysError(t *testing.T) {
	keys := signers(t)
	typed := errors.New("nobody typed")
	for _, test := range []struct {
		name     string
		password func(context.Context) ([]byte, error)
		want     error
	}{
		{"no password", nil, ErrAuth},
		{"wrong password", func(context.Context) ([]byte, error) { return []byte("wrong"), nil }, ErrAuth},
		{"nobody types it", func(context.Context) ([]byte, error) { return nil, typed }, typed},
	} {
		d := &dialed{t: t}
		o := d.secureOptions(func(p *peer, _ int) {
			p.welcomeUsers()
			for {
				f, ok := p.next()
				if !ok {
					return
				}
				p.fail(f.Request, protocol.Auth)
			}
		})
		o.Login = &Login{User: "alice", Signers: keys, Password: test.password}
		_, err := Dial(t.Context(), "peer", &o)
		d.running.Wait()
		failed, ok := errors.AsType[*KeysError](err)
		if !ok || !errors.Is(err, test.want) || errors.Is(err, ErrNetwork) || d.count != 1 {
			t.Errorf("%s: %v, after %d connections", test.name, err, d.count)
			continue
		}
		if len(failed.Keys) != 2 || !sameKey(failed.Keys[0], keys[0].PublicKey()) || !sameKey(failed.Keys[1], keys[1].PublicKey()) {
			t.Errorf("%s: %v", test.name, failed.Keys)
		}
	}
}

// TestRefusalThatEndsTheConnection offers no further key: nobody is there to take it.
func TestRefusalThatEndsTheConnection(t *testing.T) {
	d := &dialed{t: t}
	o := d.secureOptions(func(p *peer, _ int) {
		p.welcomeUsers()
		p.auth()
		p.send(0, protocol.Goaway{Code: protocol.Auth, Message: "no"})
		if f, ok := p.next(); ok {
			t.Errorf("%s came", f.Opcode)
		}
	})
	o.Login = &Login{User: "alice", Signers: signers(t)}
	_, err := Dial(t.Context(), "peer", &o)
	d.running.Wait()
	if _, keys := errors.AsType[*KeysError](err); keys || !errors.Is(err, ErrAuth) {
		t.Errorf("%v", err)
	}
}

//go:build linux

package main

import (
	"crypto/ed25519"
	"crypto/rand"
	"crypto/tls"
	"encoding/base64"
	"encoding/binary"
	"fmt"
	"net"
	"os"
	"strings"

	"ftpd/protocol"
)

// guess is a login that fails. Of one kind nobody shall be able to tell by time which it was.
type guess struct {
	kind, name string
	message    func(exporter []byte) protocol.Authenticate
}

const (
	passwords = "password"
	keys      = "key"
)

// costs are parameters of argon2id that entries of the users file have: those of "ftpd user",
// and of older entries and others.
var costs = []string{"m=19456,t=2,p=1", "m=12288,t=3,p=1", "m=7168,t=1,p=1"}

// guesses returns the kinds of failures; the first of each kind names no user. own is the
// key of a user, other that of nobody.
func guesses(own, other ed25519.PrivateKey) []guess {
	password := func(user string) func([]byte) protocol.Authenticate {
		return func([]byte) protocol.Authenticate {
			return protocol.Authenticate{Method: protocol.Password, User: user, Credential: []byte("a wrong guess")}
		}
	}
	key := func(user string, key ed25519.PrivateKey, valid bool) func([]byte) protocol.Authenticate {
		return func(exporter []byte) protocol.Authenticate { return signedBy(key, user, exporter, valid) }
	}
	list := []guess{{passwords, "unknown user", password("nobody")}}
	for i, cost := range costs {
		list = append(list, guess{passwords, "user with " + cost, password(passwordUser(i))})
	}
	return append(list,
		guess{passwords, "user with a key only", password(keyUser)},
		guess{keys, "unknown user", key("nobody", other, true)},
		guess{keys, "user with another key", key(keyUser, other, true)},
		guess{keys, "user without keys", key(passwordUser(0), other, true)},
		guess{keys + ", wrongly signed", "unknown user", key("nobody", own, false)},
		guess{keys + ", wrongly signed", "user with that key", key(keyUser, own, false)},
	)
}

const keyUser = "keyed"

func passwordUser(i int) string { return fmt.Sprintf("user%d", i) }

// appendUsers adds the users of guesses to a users file. Their passwords are of nobody.
func appendUsers(file string, own ed25519.PrivateKey) error {
	encode := base64.RawStdEncoding.EncodeToString
	var text strings.Builder
	fmt.Fprintf(&text, `{"name":%q,"allow":"read,list","keys":["ssh-ed25519 %s"]}`+"\n",
		keyUser, base64.StdEncoding.EncodeToString(publicBlob(own)))
	for i, cost := range costs {
		salt, key := make([]byte, 16), make([]byte, 32)
		_, _ = rand.Read(salt) // it never fails
		_, _ = rand.Read(key)
		fmt.Fprintf(&text, `{"name":%q,"allow":"read,list","password":"$argon2id$v=19$%s$%s$%s"}`+"\n",
			passwordUser(i), cost, encode(salt), encode(key))
	}
	f, err := os.OpenFile(file, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	if _, err := f.WriteString(text.String()); err != nil {
		return err
	}
	return f.Close()
}

// publicBlob returns the public key as RFC 8709, 4 has it.
func publicBlob(key ed25519.PrivateKey) []byte {
	return appendString(appendString(nil, "ssh-ed25519"), string(key.Public().(ed25519.PublicKey)))
}

// signedBy makes a login with a key: RFC 8709, 6.
func signedBy(key ed25519.PrivateKey, user string, exporter []byte, valid bool) protocol.Authenticate {
	blob := publicBlob(key)
	text := protocol.LoginText(exporter, user, blob)
	if !valid {
		text = protocol.LoginText(exporter, "somebody else", blob)
	}
	signature := appendString(appendString(nil, "ssh-ed25519"), string(ed25519.Sign(key, text)))
	return protocol.Authenticate{Method: protocol.PublicKey, User: user, Credential: blob, Signature: signature}
}

func appendString(b []byte, s string) []byte {
	return append(binary.BigEndian.AppendUint32(b, uint32(len(s))), s...)
}

// dialFrom connects inside TLS from the i-th address of this machine, and greets. The failures
// of an address are answered later and later, so each is used once where that is measured.
func dialFrom(address string, i int) (*conn, []byte, error) {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, byte(1+i>>14), byte(1+i>>7&127), byte(1+i&127))}}
	tcp, err := d.Dial("tcp", address)
	if err != nil {
		return nil, nil, err
	}
	secure := tls.Client(tcp, &tls.Config{InsecureSkipVerify: true, NextProtos: []string{"ftpd/1"}, MinVersion: tls.VersionTLS13})
	c := &conn{Conn: secure, decoder: protocol.NewDecoder(protocol.Server)}
	if err := c.greet(); err != nil {
		_ = tcp.Close() // the first error is the one to tell
		return nil, nil, fmt.Errorf("greet: %w", err)
	}
	state := secure.ConnectionState()
	exporter, err := state.ExportKeyingMaterial(protocol.LoginExporter, nil, protocol.LoginExporterLen)
	return c, exporter, err
}

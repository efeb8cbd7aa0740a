package client

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"net"
	"slices"
	"testing"
	"time"

	"ftpd/protocol"
)

// identity returns a certificate for a name that signs itself, and a pool that trusts it.
func identity(t testing.TB, name string) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: name},
		DNSNames:     []string{name},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, pool
}

// securely is how a peer inside TLS is reached by a client that trusts it.
func securely(t testing.TB) peerOptions {
	t.Helper()
	own, pool := identity(t, "peer")
	return peerOptions{
		tls:     &tls.Config{Certificates: []tls.Certificate{own}, NextProtos: []string{alpn}},
		options: Options{TLS: &tls.Config{RootCAs: pool}},
	}
}

func TestSecure(t *testing.T) {
	content := bytesOf(3*protocol.BlockSize + 7)
	c := withPeer(t, securely(t), func(p *peer) {
		newHonest(p, map[string][]byte{"a": content}).serve()
		if state := p.conn.(*tls.Conn).ConnectionState(); state.Version != tls.VersionTLS13 || state.ServerName != "peer" {
			t.Errorf("version %x, server name %q", state.Version, state.ServerName)
		}
	})
	var got bytes.Buffer
	if result, err := c.Get(limit(t), "a", &got, nil); err != nil || !bytes.Equal(got.Bytes(), content) || result.Digest != treeOf(content) {
		t.Errorf("got %d bytes, %v", got.Len(), err)
	}
	if r, err := c.Put(limit(t), "b", bytes.NewReader(content), nil); err != nil || r.Digest != treeOf(content) {
		t.Error(err)
	}
}

// writeCounter counts what is written, and how often.
type writeCounter struct {
	net.Conn
	writes, bytes int
}

func (c *writeCounter) Write(b []byte) (int, error) {
	c.writes++
	c.bytes += len(b)
	return c.Conn.Write(b)
}

// The records of one Write leave together, and nothing waits behind its end.
func TestRecordsLeaveTogether(t *testing.T) {
	own, pool := identity(t, "peer")
	near, far := net.Pipe()
	defer near.Close()
	received := make(chan []byte, 1)
	go func() {
		server := tls.Server(far, &tls.Config{Certificates: []tls.Certificate{own}, NextProtos: []string{alpn}})
		got, _ := io.ReadAll(server) // what is missing shows in its length
		received <- got
	}()
	raw := &writeCounter{Conn: near}
	conn, err := secure(limit(t), raw, "peer:1", &tls.Config{RootCAs: pool})
	if err != nil {
		t.Fatal(err)
	}
	content := bytesOf(protocol.BlockSize + 7)
	raw.writes, raw.bytes = 0, 0
	for _, b := range [][]byte{content, content[:5]} {
		if n, err := conn.Write(b); n != len(b) || err != nil {
			t.Fatalf("%d of %d bytes, %v", n, len(b), err)
		}
	}
	if most := raw.bytes/atOnce + 3; raw.writes > most || raw.bytes < len(content) {
		t.Errorf("%d bytes in %d writes, more than %d", raw.bytes, raw.writes, most)
	}
	near.Close()
	if got, want := <-received, slices.Concat(content, content[:5]); !bytes.Equal(got, want) {
		t.Errorf("received %d bytes of %d", len(got), len(want))
	}
}

// Whom nobody trusts gets a typed error, and is not asked again.
func TestNotTrusted(t *testing.T) {
	refused := errors.New("refused")
	for _, test := range []struct {
		name string
		tls  *tls.Config
		want error
	}{
		{"by the authorities", &tls.Config{RootCAs: x509.NewCertPool()}, nil},
		{"by the caller", &tls.Config{InsecureSkipVerify: true, VerifyConnection: func(tls.ConnectionState) error { return refused }}, refused},
	} {
		t.Run(test.name, func(t *testing.T) {
			o := securely(t)
			o.silent = true
			o.options.TLS, o.options.Retries = test.tls, 3
			o.options.OnRetry = func(r Retry) { t.Errorf("dialled again after %v", r.Err) }
			_, err := dialPeer(t, o, func(p *peer) { _ = p.conn.(*tls.Conn).Handshake() })
			if _, ok := errors.AsType[*TrustError](err); !ok || !errors.Is(err, ErrTrust) || errors.Is(err, ErrNetwork) {
				t.Errorf("%#v", err)
			}
			if test.want != nil && !errors.Is(err, test.want) {
				t.Errorf("%v does not match %v", err, test.want)
			}
		})
	}
}

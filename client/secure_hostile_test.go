package client

import (
	"bytes"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"ftpd/protocol"
)

// handshakes are what a server may do with a hello of TLS that it should not.
var handshakes = []struct {
	name   string
	script func(p *peer) // after the hello
	want   []error
	not    error
}{
	{"silence", func(p *peer) { p.drain() }, []error{ErrTimeout, ErrNetwork}, ErrTLS},
	{"end", func(*peer) {}, []error{ErrNetwork, errHungUp}, ErrTLS},
	{"alert", func(p *peer) { p.raw([]byte{21, 3, 3, 0, 2, 2, 40}) }, []error{ErrTLS}, ErrNetwork},
	{"half a record", func(p *peer) { p.raw([]byte{22, 3, 3, 1, 0, 2, 0}) }, []error{ErrNetwork, io.ErrUnexpectedEOF}, ErrTLS},
	{"endless record", func(p *peer) { p.raw([]byte{22, 3, 3, 0xff, 0xff, 2}) }, []error{ErrTLS}, ErrNetwork},
	{"endless message", func(p *peer) { p.raw([]byte{22, 3, 3, 0, 4, 2, 0xff, 0xff, 0xff}) }, []error{ErrTLS}, ErrNetwork},
	{"wrong message", func(p *peer) { p.raw([]byte{22, 3, 3, 0, 4, 1, 0, 0, 0}) }, []error{ErrTLS}, ErrNetwork},
	{"another protocol", func(p *peer) { p.raw([]byte("220 ready\r\n")) }, []error{ErrTLS, ErrPlainServer}, ErrNetwork},
	{"plain ftpd", func(p *peer) { p.raw([]byte("ftpd: this port speaks ...\r\n")) }, []error{ErrTLS, ErrPlainServer}, ErrNetwork},
}

func TestHostileHandshakes(t *testing.T) {
	for _, test := range handshakes {
		t.Run(test.name, func(t *testing.T) {
			o := peerOptions{silent: true, options: Options{TLS: new(tls.Config), Retries: 3}}
			if test.name == "silence" {
				o.options.DialTimeout = 50 * time.Millisecond
			}
			o.options.OnRetry = func(r Retry) { t.Errorf("dialled again after %v", r.Err) }
			_, err := dialPeer(t, o, func(p *peer) {
				if _, err := p.conn.Read(make([]byte, 4096)); err != nil {
					t.Error(err)
				}
				if test.name == "silence" {
					_, _ = p.conn.Read(make([]byte, 1)) // until the client has gone
					return
				}
				go func() { _, _ = io.Copy(io.Discard, p.conn) }() // the client's alert
				test.script(p)
			})
			for _, want := range test.want {
				if !errors.Is(err, want) {
					t.Errorf("%v (%T) does not match %v", err, err, want)
				}
			}
			if errors.Is(err, test.not) || errors.Is(err, ErrTrust) {
				t.Errorf("%v (%T) matches what it is not", err, err)
			}
		})
	}
}

// Servers whose TLS is another one.
func TestOtherTLS(t *testing.T) {
	for name, change := range map[string]func(*tls.Config){
		"version":          func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 },
		"another protocol": func(c *tls.Config) { c.NextProtos = []string{"h2"} },
		"no protocol":      func(c *tls.Config) { c.NextProtos = nil },
		"giant certificate": func(c *tls.Config) {
			own := &c.Certificates[0]
			for range 400 {
				own.Certificate = append(own.Certificate, own.Certificate[0])
			}
			own.Certificate = append(own.Certificate, make([]byte, 1<<20))
		},
	} {
		t.Run(name, func(t *testing.T) {
			o := securely(t)
			change(o.tls)
			listener, err := tls.Listen("tcp", "127.0.0.1:0", o.tls)
			if err != nil {
				t.Fatal(err)
			}
			var running sync.WaitGroup
			running.Go(func() {
				conn, err := listener.Accept()
				if err != nil {
					return
				}
				_, _ = io.Copy(io.Discard, conn)
				_ = conn.Close()
			})
			o.options.TLS.ServerName = "peer"
			_, err = Dial(limit(t), listener.Addr().String(), &o.options)
			_ = listener.Close()
			running.Wait()
			if _, ok := errors.AsType[*TLSError](err); !ok {
				t.Errorf("%v (%T)", err, err)
			}
		})
	}
}

// Neither a server's name nor its certificate can harm a terminal by way of an error.
func TestTrustErrorsAreHarmless(t *testing.T) {
	for _, err := range []error{
		&TrustError{Address: "h\x1b[2J:1", Err: errors.New("no\x1b[2J")},
		&TrustError{Address: "h:1", Err: x509.HostnameError{Certificate: &x509.Certificate{DNSNames: []string{"a\x1b[2J"}}, Host: "h"}},
		&TLSError{Address: "h:1", Err: errors.New("no\x1b[2J\n")},
	} {
		if strings.ContainsAny(err.Error(), "\x1b\n") {
			t.Errorf("%q holds a control character", err)
		}
	}
}

// A server behind a plain URL that speaks TLS is told from one of another protocol.
func TestSecureServerBehindAPlainURL(t *testing.T) {
	for _, sent := range [][]byte{{21, 3, 3, 0, 2, 2, 70}, {22, 3, 1, 0, 5}} {
		_, err := dialPeer(t, peerOptions{silent: true}, func(p *peer) {
			p.expect(protocol.OpHello)
			p.raw(sent)
			p.drain()
		})
		if !errors.Is(err, ErrSecureServer) || !errors.Is(err, ErrTLS) || errors.Is(err, ErrNetwork) {
			t.Errorf("%v (%T)", err, err)
		}
	}
}

// Whether or not the end is said (close_notify), a connection that ends in the middle is
// lost, and what was under way goes on over another.
func TestCutInsideTLS(t *testing.T) {
	for name, end := range map[string]func(*tls.Conn) error{
		"cut":  func(c *tls.Conn) error { return c.NetConn().Close() },
		"said": func(c *tls.Conn) error { return c.Close() },
	} {
		t.Run(name, func(t *testing.T) {
			c := withPeer(t, securely(t), get(3*bs, func(p *peer, id uint32) {
				p.data(id, 0, bytesOf(bs))
				_ = end(p.conn.(*tls.Conn))
			}))
			var got bytes.Buffer
			_, err := c.Get(limit(t), "a", &got, nil)
			if found, ok := errors.AsType[*NetworkError](err); !ok || found.Op != "read" || !passes(err) {
				t.Errorf("%v (%T)", err, err)
			}
			if got.Len() != bs {
				t.Errorf("%d bytes were written", got.Len())
			}
		})
	}
}

// A client that closes says so, behind BYE: its server can tell that from a cut. crypto/tls
// does not tell the two apart between records, so the test looks for the record of the alert.
func TestCloseIsSaid(t *testing.T) {
	const encrypted = 23 // what every record is after the handshake (RFC 8446, 5.2)
	behind := make(chan []byte, 1)
	c := withPeer(t, securely(t), func(p *peer) {
		p.expect(protocol.OpBye)
		b := make([]byte, 64)
		n, _ := p.conn.(*tls.Conn).NetConn().Read(b)
		behind <- b[:n]
	})
	if err := c.Close(); err != nil {
		t.Fatal(err)
	}
	if b := <-behind; len(b) == 0 || b[0] != encrypted {
		t.Errorf("behind BYE comes %x", b)
	}
}

//go:build unix

package server

import (
	"crypto/tls"
	"strings"
	"testing"

	"ftpd/client"
	"ftpd/protocol"
)

// PING counts the bytes of the protocol, of which a handshake has none.
func TestSecurePing(t *testing.T) {
	address, _ := secureServer(t, Config{Root: t.TempDir()})
	c, err := client.Dial(t.Context(), address, &client.Options{TLS: anyServer()})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	put(t, c, "file", strings.Repeat("x", 1<<20))
	if _, err := c.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

// Whom the server's last words do not reach costs the others nothing.
func TestSecureLastWords(t *testing.T) {
	d := run(t, t.TempDir(), "--tls", "--state-dir", t.TempDir(), "--log-level", "warn")
	for i := range 50 {
		conn, err := tls.Dial("tcp", d.address, anyServer())
		if err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
		hello := protocol.Append(nil, 0, protocol.Hello{InFlight: 4, Agent: "hostile"})
		if _, err := conn.Write(append(hello, strings.Repeat("garbage", i)...)); err != nil {
			t.Fatal(err)
		}
		_ = socket(conn).Close() // so that the error is answered with a reset, and close_notify cannot be written
	}
	c, err := client.Dial(t.Context(), d.address, &client.Options{TLS: anyServer()})
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
}

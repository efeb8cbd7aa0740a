//go:build unix

package server

import (
	"crypto/tls"
	"net"
	"os"
	"path/filepath"
	"testing"

	"ftpd/client"
	"ftpd/server/identity"
)

// allSecure has every ftpd that a test starts speak TLS, for ftpd itself reads the variable
// too: so these tests are run inside TLS as well (make test-secure).
var allSecure = os.Getenv("FTPD_TLS") == "true"

// dialing returns the options of a client, which is inside TLS where all are.
func dialing(o client.Options) *client.Options {
	if allSecure {
		o.TLS = anyServer()
	}
	return &o
}

// connect opens a connection, inside TLS where all are.
func connect(address string) (net.Conn, error) {
	if allSecure {
		return tls.Dial("tcp", address, anyServer())
	}
	return net.Dial("tcp", address)
}

// socket returns the TCP connection below one that connect has opened.
func socket(conn net.Conn) *net.TCPConn {
	if secure, ok := conn.(*tls.Conn); ok {
		conn = secure.NetConn()
	}
	return conn.(*net.TCPConn)
}

// inside returns what a server of this process shows; nil where all are plain.
func inside(t testing.TB) *identity.Identity {
	t.Helper()
	if !allSecure {
		return nil
	}
	id, err := identity.Own(filepath.Dir(ftpd))
	if err != nil {
		t.Fatal(err)
	}
	return id
}

// needsPlain skips a test that looks at what passes between client and server.
func needsPlain(t *testing.T) {
	t.Helper()
	if allSecure {
		t.Skip("it is about what is plain, or reads what TLS hides")
	}
}

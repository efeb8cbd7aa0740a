package client

import (
	"bufio"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
)

// alpn names the protocol inside TLS (RFC 7301), so that no server of another one
// is taken for this.
const alpn = "ftpd/1"

// What a server speaks that TLS was not, or was, expected of.
var (
	ErrPlainServer  = errors.New("the server there does not speak TLS")
	ErrSecureServer = errors.New("the server there speaks TLS, and the connection was to be plain")
)

// ErrTLS is matched by a *TLSError.
var ErrTLS = errors.New("there is no TLS, or another")

// ErrTrust is matched by a *TrustError.
var ErrTrust = errors.New("the server is not trusted")

// TrustError is a server whose certificate was not accepted, by the authorities or by a
// VerifyConnection or VerifyPeerCertificate of Options.TLS. That server was told
// nothing of the protocol yet, and it is not dialled again.
type TrustError struct {
	Address string
	Err     error // what the verification said
}

// Error returns one line without control characters.
func (e *TrustError) Error() string {
	return fmt.Sprintf("%s: %v: %s", subject("dial", e.Address), ErrTrust, printable(e.Err.Error()))
}

// Unwrap returns what the verification said.
func (e *TrustError) Unwrap() error { return e.Err }

// Is matches ErrTrust.
func (e *TrustError) Is(target error) bool { return target == ErrTrust }

// TLSError is a server with which there can be no connection as it was asked for: one
// side speaks TLS and the other does not, or not the same. It is never dialled again.
type TLSError struct {
	Address string
	Alert   bool  // the server ended the handshake, and Err is its alert
	Err     error // ErrPlainServer, ErrSecureServer, or what the handshake said
}

// Error returns one line without control characters.
func (e *TLSError) Error() string {
	return fmt.Sprintf("%s: %s", subject("dial", e.Address), printable(e.Err.Error()))
}

// Unwrap returns the cause.
func (e *TLSError) Unwrap() error { return e.Err }

// Is matches ErrTLS.
func (e *TLSError) Is(target error) bool { return target == ErrTLS }

// secureConn is a connection inside TLS. Close ends it at once: the alert that a
// tls.Conn sends then could wait seconds for a server that takes nothing. One goroutine
// writes at a time.
type secureConn struct {
	*tls.Conn
	below *recordConn
}

func (c *secureConn) Close() error { return c.NetConn().Close() }

// Write sends the records of b together.
func (c *secureConn) Write(b []byte) (int, error) {
	c.below.gather()
	n, err := c.Conn.Write(b)
	if flushed := c.below.flush(); err == nil {
		err = flushed
	}
	return n, err
}

// atOnce is how many bytes are read and written below TLS at once. crypto/tls itself reads and
// writes one record of 16 KiB with each system call; in pieces of 128 KiB the client needs a sixth
// less processor time for a get, and as much less for a put.
const atOnce = 128 << 10

// recordConn is what crypto/tls reads from and writes to.
type recordConn struct {
	net.Conn
	in *bufio.Reader

	mu        sync.Mutex // crypto/tls may answer a record while another goroutine writes
	out       []byte
	gathering bool
}

func newRecordConn(raw net.Conn) *recordConn {
	return &recordConn{Conn: raw, in: bufio.NewReaderSize(raw, atOnce), out: make([]byte, 0, atOnce)}
}

// NetConn returns the connection that is read from.
func (c *recordConn) NetConn() net.Conn { return c.Conn }

func (c *recordConn) Read(b []byte) (int, error) { return c.in.Read(b) }

// Write writes b, or holds it back for others to come.
func (c *recordConn) Write(b []byte) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.out)+len(b) > cap(c.out) || !c.gathering {
		if err := c.empty(); err != nil {
			return 0, err
		}
	}
	if len(b) > cap(c.out) || !c.gathering {
		return c.Conn.Write(b)
	}
	c.out = append(c.out, b...)
	return len(b), nil
}

func (c *recordConn) gather() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gathering = true
}

func (c *recordConn) flush() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.gathering = false
	return c.empty()
}

func (c *recordConn) empty() error {
	if len(c.out) == 0 {
		return nil
	}
	_, err := c.Conn.Write(c.out)
	c.out = c.out[:0]
	return err
}

// secure puts a connection into TLS. Where it fails, the connection is closed by the caller.
func secure(ctx context.Context, raw net.Conn, address string, config *tls.Config) (net.Conn, error) {
	below := newRecordConn(raw)
	conn := &secureConn{tls.Client(below, secureConfig(config, address)), below}
	if err := conn.HandshakeContext(ctx); err != nil {
		return nil, handshakeError(address, err)
	}
	if conn.ConnectionState().NegotiatedProtocol != alpn {
		return nil, &TLSError{Address: address, Err: errors.New("the server there speaks TLS, but not " + alpn)}
	}
	return conn, nil
}

// secureConfig completes what a caller gave. Records are as long as they can be from the
// first: short ones would show a page sooner, and this shows nothing before a block is whole.
func secureConfig(given *tls.Config, address string) *tls.Config {
	config := given.Clone()
	config.MinVersion, config.MaxVersion = tls.VersionTLS13, tls.VersionTLS13
	config.NextProtos = []string{alpn}
	config.DynamicRecordSizingDisabled = true
	if config.ServerName == "" {
		host, _, _ := net.SplitHostPort(address) // it has a port
		config.ServerName, _, _ = strings.Cut(host, "%")
	}
	if verify := config.VerifyConnection; verify != nil {
		config.VerifyConnection = func(state tls.ConnectionState) error { return distrusted(address, verify(state)) }
	}
	if verify := config.VerifyPeerCertificate; verify != nil {
		config.VerifyPeerCertificate = func(raw [][]byte, chains [][]*x509.Certificate) error {
			return distrusted(address, verify(raw, chains))
		}
	}
	return config
}

func distrusted(address string, err error) error {
	if err == nil {
		return nil
	}
	return &TrustError{Address: address, Err: err}
}

// handshakeError tells whom nobody trusts from what is no TLS, from what another TLS said,
// and from a network that failed.
func handshakeError(address string, err error) error {
	if found, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return distrusted(address, found.Err)
	}
	if _, ok := errors.AsType[*TrustError](err); ok {
		return err
	}
	if _, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		return &TLSError{Address: address, Err: ErrPlainServer}
	}
	switch {
	case errors.Is(err, io.EOF):
		return errHungUp
	case errors.Is(err, io.ErrUnexpectedEOF), isOfNetwork(err):
		return err
	}
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Op == remoteAlert {
		return &TLSError{Address: address, Alert: true, Err: op.Err}
	}
	return &TLSError{Address: address, Err: err}
}

// isOfNetwork tells a system's error from one of TLS, of which crypto/tls dresses alerts,
// its own and the server's, as errors of a network.
func isOfNetwork(err error) bool {
	if op, ok := errors.AsType[*net.OpError](err); ok {
		return op.Op != remoteAlert && op.Op != localAlert
	}
	var failure net.Error
	return errors.As(err, &failure) || errors.Is(err, context.Canceled) ||
		errors.Is(err, net.ErrClosed) || errors.Is(err, io.ErrClosedPipe)
}

// What crypto/tls calls the operation of an alert.
const (
	remoteAlert = "remote error"
	localAlert  = "local error"
)

// speaksTLS tells whether the first bytes that a server sent are those of a record of
// TLS: an alert or a part of a handshake (RFC 8446, 5.1).
func speaksTLS(b []byte) bool {
	return len(b) >= 2 && (b[0] == 21 || b[0] == 22) && b[1] == 3
}

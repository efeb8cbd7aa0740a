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
// tls.Conn sends then could wait seconds for a server that takes nothing.
type secureConn struct{ *tls.Conn }

func (c *secureConn) Close() error { return c.NetConn().Close() }

// readAhead is how many bytes are read below TLS at once. crypto/tls itself reads one record
// of 16 KiB with each system call; in pieces of 128 KiB the client needs a sixth less processor
// time for a get. To gather what is written saves nothing measurable.
const readAhead = 128 << 10

// aheadConn reads ahead.
type aheadConn struct {
	net.Conn
	in *bufio.Reader
}

// NetConn returns the connection that is read from.
func (c *aheadConn) NetConn() net.Conn { return c.Conn }

func (c *aheadConn) Read(b []byte) (int, error) { return c.in.Read(b) }

// secure puts a connection into TLS. Where it fails, the connection is closed by the caller.
func secure(ctx context.Context, raw net.Conn, address string, config *tls.Config) (net.Conn, error) {
	below := &aheadConn{Conn: raw, in: bufio.NewReaderSize(raw, readAhead)}
	conn := &secureConn{tls.Client(below, secureConfig(config, address))}
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

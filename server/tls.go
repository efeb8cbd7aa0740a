//go:build unix

package server

import (
	"crypto/tls"
	"errors"

	"ftpd/server/identity"
)

// protocolName is what the two ends of a TLS connection agree on (ALPN, RFC 7301).
const protocolName = "ftpd/1"

var errProtocol = errors.New("the client does not offer the protocol " + protocolName)

// secured returns the configuration of a server's connections: TLS 1.3 only, and the native
// protocol only, so that a client of another one cannot be made to talk to this one. There
// are no tickets: a connection lives long, and what they save is a tenth of a millisecond.
func secured(id *identity.Identity) *tls.Config {
	if id == nil {
		return nil
	}
	own := id.Config()
	own.NextProtos = []string{protocolName}
	own.SessionTicketsDisabled = true
	own.DynamicRecordSizingDisabled = true // blocks are large, and small replies are small anyway
	own.VerifyConnection = func(state tls.ConnectionState) error {
		if state.NegotiatedProtocol != protocolName {
			return errProtocol
		}
		return nil
	}
	return own
}

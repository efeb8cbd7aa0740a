// Package trust says how a server inside TLS is verified: each function returns the TLS
// configuration of one way, for client.Options.TLS. What it refuses, the client returns in a
// *client.TrustError, which wraps the errors of this package.
//
// A key is named by its fingerprint: "SHA256:" and the SHA-256 of the certificate's
// SubjectPublicKeyInfo (RFC 5280, 4.1) in base64 without padding. ftpd prints that of its own.
package trust

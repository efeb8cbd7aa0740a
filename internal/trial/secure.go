package trial

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"net"
	"sync/atomic"
	"time"
)

// NewIdentity makes a certificate for names and addresses, valid for an hour, which
// signs itself, and returns it in PEM too.
func NewIdentity(names ...string) (tls.Certificate, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1),
		Subject:      pkix.Name{CommonName: "trial"},
		NotBefore:    time.Now().Add(-time.Hour),
		NotAfter:     time.Now().Add(time.Hour),
	}
	for _, name := range names {
		if ip := net.ParseIP(name); ip != nil {
			template.IPAddresses = append(template.IPAddresses, ip)
		} else {
			template.DNSNames = append(template.DNSNames, name)
		}
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return tls.Certificate{}, nil, err
	}
	leaf, err := x509.ParseCertificate(der)
	text := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, text, err
}

// SecureRelay is a relay that speaks TLS with who connects, and plainly with the server.
type SecureRelay struct {
	*Relay
	identity atomic.Pointer[tls.Certificate]
}

// NewSecureRelay starts a relay to the server at target, "host:port", whose clients
// speak the named protocol (ALPN). It runs until Close.
func NewSecureRelay(target, protocol string, identity tls.Certificate) (*SecureRelay, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	s := &SecureRelay{}
	s.SetIdentity(identity)
	s.Relay = startRelay(target, tls.NewListener(listener, &tls.Config{
		MinVersion: tls.VersionTLS13,
		NextProtos: []string{protocol},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			return s.identity.Load(), nil
		},
	}))
	return s, nil
}

// SetIdentity has later connections see another certificate.
func (s *SecureRelay) SetIdentity(identity tls.Certificate) { s.identity.Store(&identity) }

//go:build linux

package tools

import (
	"crypto/x509"
	"encoding/pem"

	"ftpd/internal/trial"
)

// identity makes a certificate and its key for a server, of the kind that the product
// makes for itself, and returns their files.
func (p Place) identity() (certificate, key string, err error) {
	made, text, err := trial.NewIdentity("127.0.0.1")
	if err != nil {
		return "", "", err
	}
	if certificate, err = p.write("certificate.pem", string(text)); err != nil {
		return "", "", err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(made.PrivateKey)
	if err != nil {
		return "", "", err
	}
	key, err = p.write("key.pem", string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret})))
	return certificate, key, err
}

package trust

import (
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"fmt"
	"strings"
)

// Fingerprint names the public key of a server.
type Fingerprint string

// hashName begins a fingerprint, so that another hash could follow one day.
const hashName = "SHA256:"

// FingerprintOf returns the fingerprint of a certificate's public key.
func FingerprintOf(certificate *x509.Certificate) Fingerprint {
	sum := sha256.Sum256(certificate.RawSubjectPublicKeyInfo)
	return Fingerprint(hashName + base64.RawStdEncoding.EncodeToString(sum[:]))
}

// ParseFingerprint reads a fingerprint as FingerprintOf writes it; padding is forgiven.
func ParseFingerprint(s string) (Fingerprint, error) {
	digest, ok := strings.CutPrefix(s, hashName)
	if !ok {
		return "", fmt.Errorf("%q is no fingerprint, which begins with %s", s, hashName)
	}
	sum, err := base64.RawStdEncoding.Strict().DecodeString(strings.TrimRight(digest, "="))
	if err != nil || len(sum) != sha256.Size {
		return "", fmt.Errorf("%q is no fingerprint: behind %s come 43 characters of base64", s, hashName)
	}
	return Fingerprint(hashName + base64.RawStdEncoding.EncodeToString(sum)), nil
}

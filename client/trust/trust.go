package trust

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"
)

// UnknownError is a server that nothing vouches for: it has no entry among the known ones,
// and no authority of this machine has signed its certificate for its name and this day.
type UnknownError struct {
	Address string // "host:port"
	Shown   Fingerprint
	Reason  error // why the authorities do not vouch for it
}

// Error returns one sentence.
func (e *UnknownError) Error() string {
	return fmt.Sprintf("%s is not known, and its key is %s: %v", e.Address, e.Shown, e.Reason)
}

// Unwrap returns why the authorities do not vouch for it.
func (e *UnknownError) Unwrap() error { return e.Reason }

// ChangedError is a server that shows another key than it has to: it has a new one, or
// somebody is in between.
type ChangedError struct {
	Address string // "host:port"
	Want    Fingerprint
	Shown   Fingerprint
	File    string // of the entry that names the key; empty where the caller did
	Line    int    // of the entry, from 1
}

// Error returns one sentence.
func (e *ChangedError) Error() string {
	where := ""
	if e.File != "" {
		where = fmt.Sprintf(" of %s:%d", e.File, e.Line)
	}
	return fmt.Sprintf("the key of %s is %s and not %s%s", e.Address, e.Shown, e.Want, where)
}

// Anyone trusts whoever answers.
func Anyone() *tls.Config {
	return &tls.Config{InsecureSkipVerify: true}
}

// Authorities trusts what these authorities have signed, for its name and while it is valid,
// and nobody else.
func Authorities(pool *x509.CertPool) *tls.Config {
	return &tls.Config{RootCAs: pool}
}

// Key trusts who has the private key of that fingerprint. Names and dates of the
// certificate do not count.
func Key(address string, want Fingerprint) *tls.Config {
	return byKey(func(state tls.ConnectionState) error {
		if shown := FingerprintOf(state.PeerCertificates[0]); shown != want {
			return &ChangedError{Address: address, Want: want, Shown: shown}
		}
		return nil
	})
}

// FirstUse trusts a server with an entry in known by its key alone, whoever else vouches for
// another one; and one without by the authorities of this machine.
func FirstUse(address string, known *Known) *tls.Config {
	return byKey(func(state tls.ConnectionState) error {
		shown := FingerprintOf(state.PeerCertificates[0])
		if want, line, ok := known.Lookup(address); ok {
			if shown != want {
				return &ChangedError{Address: address, Want: want, Shown: shown, File: known.File(), Line: line}
			}
			return nil
		}
		if err := Vouched(address, state); err != nil {
			return &UnknownError{Address: address, Shown: shown, Reason: err}
		}
		return nil
	})
}

// byKey has verify decide in place of the library. Whoever answers has shown by then
// that the private key is theirs (RFC 8446, 4.4.3).
func byKey(verify func(tls.ConnectionState) error) *tls.Config {
	return &tls.Config{
		InsecureSkipVerify: true, // VerifyConnection does it
		VerifyConnection: func(state tls.ConnectionState) error {
			if len(state.PeerCertificates) == 0 {
				return errors.New("the server shows no certificate")
			}
			return verify(state)
		},
	}
}

// Vouched returns why the authorities of this machine do not vouch for a server; nil
// where they do.
func Vouched(address string, state tls.ConnectionState) error {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	name, _, _ := strings.Cut(host, "%")
	between := x509.NewCertPool()
	for _, certificate := range state.PeerCertificates[1:] {
		between.AddCert(certificate)
	}
	_, err = state.PeerCertificates[0].Verify(x509.VerifyOptions{DNSName: name, Intermediates: between, CurrentTime: time.Now()})
	return err
}

// Package identity is what a server shows to prove that it is itself: a certificate and
// its key, in files that the operator keeps or in those that the server makes once.
package identity

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/big"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"

	"ftpd/internal/ownfile"
)

// A key that others can have is not used.
var (
	// ErrReadable is that others than the owner and the group may read a key.
	ErrReadable = errors.New("others may read this key, and so be this server")
	// ErrForeign is that its owner is neither root nor who the server runs or goes on as.
	ErrForeign = errors.New("this key belongs to another user, who may be this server")
)

// Identity is a certificate that can be read again while it is in use. All methods are
// safe for concurrent use.
type Identity struct {
	certificate string // the files
	key         string
	owners      []int // besides root and this user, who may have the key
	own         bool  // made by the server, and replaced by nobody
	current     atomic.Pointer[tls.Certificate]
}

// Load reads a certificate, with those that vouch for it behind it, and its key: PEM files.
// A key that others may read is ErrReadable. One of another user than root, that of the
// process and owners, by number, is ErrForeign.
func Load(certificate, key string, owners ...int) (*Identity, error) {
	id := &Identity{certificate: certificate, key: key, owners: owners}
	return id, id.Reload()
}

// Files are those that Reload reads again. An identity that the server has made itself is
// read once: by a server that was started as root before it is not root any more.
func (id *Identity) Files() []string {
	if id.own {
		return nil
	}
	return []string{id.certificate, id.key}
}

// Key returns the name of the file with the key.
func (id *Identity) Key() string { return id.key }

// Reload reads the Files again. On an error what was read before stays in use.
func (id *Identity) Reload() error {
	if id.own {
		return nil
	}
	secret, err := id.readKey()
	if err != nil {
		return err
	}
	public, err := os.ReadFile(id.certificate)
	if err != nil {
		return err
	}
	pair, err := tls.X509KeyPair(public, secret)
	if err != nil {
		return fmt.Errorf("%s and %s: %w", id.certificate, id.key, err)
	}
	id.current.Store(&pair)
	return nil
}

// readKey reads the key that it has looked at, whatever its name comes to lead to.
func (id *Identity) readKey() ([]byte, error) {
	f, err := os.Open(id.key)
	if err != nil {
		return nil, err
	}
	defer func() { _ = f.Close() }() // it was only read
	info, err := f.Stat()
	switch {
	case err != nil:
		return nil, err
	case info.Mode().Perm()&0o007 != 0:
		return nil, fmt.Errorf("%s: %w", id.key, ErrReadable)
	case ownfile.CheckOwner(info, id.owners...) != nil:
		return nil, fmt.Errorf("%s: %w", id.key, ErrForeign)
	}
	return io.ReadAll(f)
}

// Config returns a configuration that always shows the current certificate.
func (id *Identity) Config() *tls.Config {
	return &tls.Config{
		MinVersion:     tls.VersionTLS13,
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return id.current.Load(), nil },
	}
}

// Fingerprint names the public key: SHA256: and the digest of its SubjectPublicKeyInfo in
// base64 without padding. A renewed certificate of the same key has the same.
func (id *Identity) Fingerprint() string {
	sum := sha256.Sum256(id.current.Load().Leaf.RawSubjectPublicKeyInfo)
	return "SHA256:" + base64.RawStdEncoding.EncodeToString(sum[:])
}

// The files of an identity that a server has made itself.
const (
	ownCertificate = "identity.crt"
	ownKey         = "identity.key"
)

// Own loads the identity that is kept in a directory, and makes it where there is none: an
// ECDSA key (P-256) and a certificate that it signs itself and that is valid for a hundred
// years, for clients know it by the key. A missing directory is made, for its owner alone.
// owners are those of Load.
func Own(directory string, owners ...int) (*Identity, error) {
	certificate, key := filepath.Join(directory, ownCertificate), filepath.Join(directory, ownKey)
	if err := os.MkdirAll(directory, 0o700); err != nil {
		return nil, err
	}
	if _, err := os.Stat(key); errors.Is(err, fs.ErrNotExist) {
		if err := create(certificate, key); err != nil {
			return nil, fmt.Errorf("make an identity in %s: %w", directory, err)
		}
	}
	id, err := Load(certificate, key, owners...)
	if err == nil {
		id.own = true
	}
	return id, err
}

const validity = 100 * 365 * 24 * time.Hour

// create makes both files. The key comes last: where it is there, so is the certificate.
func create(certificate, key string) error {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	serial, err := rand.Int(rand.Reader, new(big.Int).Lsh(big.NewInt(1), 127))
	if err != nil {
		return err
	}
	name, _ := os.Hostname() // it is for people to read
	template := &x509.Certificate{
		SerialNumber: serial,
		Subject:      pkix.Name{CommonName: "ftpd " + name},
		NotBefore:    time.Now().Add(-24 * time.Hour), // clocks differ
		NotAfter:     time.Now().Add(validity),
		KeyUsage:     x509.KeyUsageDigitalSignature,
		ExtKeyUsage:  []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &private.PublicKey, private)
	if err != nil {
		return err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return err
	}
	if err := write(certificate, "CERTIFICATE", der); err != nil {
		return err
	}
	return write(key, "PRIVATE KEY", secret)
}

// write makes a file that only its owner may read, whole or not at all.
func write(name, kind string, der []byte) (err error) {
	f, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*") // with mode 0600
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = os.Remove(f.Name()) // the first error is the one to tell
		}
	}()
	err = errors.Join(pem.Encode(f, &pem.Block{Type: kind, Bytes: der}), f.Sync(), f.Close())
	if err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}

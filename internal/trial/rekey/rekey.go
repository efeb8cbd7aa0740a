// Package rekey is an end of TLS 1.3 that changes its keys when it is told to
// (RFC 8446, 4.6.3). That of crypto/tls answers a change of the other end, and begins none.
package rekey

import (
	"bytes"
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"crypto/sha512"
	"crypto/tls"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"hash"
	"net"

	"golang.org/x/crypto/chacha20poly1305"
)

// Kinds of records, and the message that changes keys (RFC 8446, 4, 4.6.3 and 5.1).
const (
	alertRecord       = 21
	handshakeRecord   = 22
	applicationRecord = 23
	keyUpdate         = 24
)

// maxPlain is how many bytes fit in a record (RFC 8446, 5.1).
const maxPlain = 1 << 14

// Conn is a connection after its handshake. crypto/tls reads; what is written is sealed
// here. One goroutine may read while another writes.
type Conn struct {
	*tls.Conn
	suite  suite
	secret []byte // of what is written
	aead   cipher.AEAD
	iv     []byte
	count  uint64 // records sealed with this key
}

// suite is how records are sealed (RFC 8446, B.4).
type suite struct {
	hash   func() hash.Hash
	keyLen int // in bytes
	aead   func(key []byte) (cipher.AEAD, error)
}

var suites = map[uint16]suite{
	tls.TLS_AES_128_GCM_SHA256:       {sha256.New, 16, gcm},
	tls.TLS_AES_256_GCM_SHA384:       {sha512.New384, 32, gcm},
	tls.TLS_CHACHA20_POLY1305_SHA256: {sha256.New, chacha20poly1305.KeySize, chacha20poly1305.New},
}

func gcm(key []byte) (cipher.AEAD, error) {
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCM(block)
}

// Client is the end of a client on raw, once its handshake is over.
func Client(raw net.Conn, config *tls.Config) (*Conn, error) {
	return begin(raw, tls.Client, config, "CLIENT_TRAFFIC_SECRET_0")
}

// Server is the end of a server. It gives out no tickets.
func Server(raw net.Conn, config *tls.Config) (*Conn, error) {
	return begin(raw, tls.Server, config, "SERVER_TRAFFIC_SECRET_0")
}

func begin(raw net.Conn, end func(net.Conn, *tls.Config) *tls.Conn, config *tls.Config, label string) (*Conn, error) {
	var log bytes.Buffer
	config = config.Clone()
	config.MinVersion, config.SessionTicketsDisabled, config.KeyLogWriter = tls.VersionTLS13, true, &log
	c := &Conn{Conn: end(raw, config)}
	if err := c.Handshake(); err != nil {
		return nil, err
	}
	c.suite = suites[c.ConnectionState().CipherSuite]
	for line := range bytes.Lines(log.Bytes()) { // label, random of the client, secret
		if fields := bytes.Fields(line); len(fields) == 3 && string(fields[0]) == label {
			secret, err := hex.DecodeString(string(fields[2]))
			return c, errors.Join(err, c.use(secret))
		}
	}
	return nil, fmt.Errorf("rekey: crypto/tls tells no %s", label)
}

// use has what follows sealed with the keys of a secret (RFC 8446, 7.3).
func (c *Conn) use(secret []byte) error {
	key, err := c.expand(secret, "key", c.suite.keyLen)
	if err != nil {
		return err
	}
	if c.aead, err = c.suite.aead(key); err != nil {
		return err
	}
	c.secret, c.count = secret, 0
	c.iv, err = c.expand(secret, "iv", c.aead.NonceSize())
	return err
}

// expand is HKDF-Expand-Label without a context (RFC 8446, 7.1).
func (c *Conn) expand(secret []byte, label string, size int) ([]byte, error) {
	label = "tls13 " + label
	info := binary.BigEndian.AppendUint16(nil, uint16(size))
	info = append(append(info, byte(len(label))), label...)
	return hkdf.Expand(c.suite.hash, secret, string(append(info, 0)), size)
}

// seal makes a record (RFC 8446, 5.2).
func (c *Conn) seal(to []byte, kind byte, content []byte) []byte {
	header := binary.BigEndian.AppendUint16([]byte{applicationRecord, 3, 3}, uint16(len(content)+1+c.aead.Overhead()))
	nonce := bytes.Clone(c.iv)
	last := nonce[len(nonce)-8:]
	binary.BigEndian.PutUint64(last, binary.BigEndian.Uint64(last)^c.count)
	c.count++
	return c.aead.Seal(append(to, header...), nonce, append(bytes.Clone(content), kind), header)
}

// Write is part of net.Conn.
func (c *Conn) Write(p []byte) (int, error) {
	var sealed []byte
	for rest := p; len(rest) > 0; {
		n := min(len(rest), maxPlain)
		sealed = c.seal(sealed, applicationRecord, rest[:n])
		rest = rest[n:]
	}
	if _, err := c.NetConn().Write(sealed); err != nil {
		return 0, err
	}
	return len(p), nil
}

// Update changes the keys of what is written from now on, so many times, and may ask the
// other end to change its own each time. All of it leaves in one write.
func (c *Conn) Update(times int, ask bool) error {
	message := []byte{keyUpdate, 0, 0, 1, 0}
	if ask {
		message[4] = 1
	}
	var sealed []byte
	for range times {
		sealed = c.seal(sealed, handshakeRecord, message)
		secret, err := c.expand(c.secret, "traffic upd", c.suite.hash().Size())
		if err == nil {
			err = c.use(secret)
		}
		if err != nil {
			return err
		}
	}
	_, err := c.NetConn().Write(sealed)
	return err
}

// CloseWrite says that nothing more comes (close_notify).
func (c *Conn) CloseWrite() error {
	_, err := c.NetConn().Write(c.seal(nil, alertRecord, []byte{1, 0}))
	return err
}

// Close ends the connection, without a word.
func (c *Conn) Close() error { return c.NetConn().Close() }

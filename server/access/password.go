package access

import (
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"

	"golang.org/x/crypto/argon2"

	"ftpd/protocol"
)

// phc is a password as the file has it: argon2id (RFC 9106) in the string format of
// the Password Hashing Competition,
//
//	$argon2id$v=19$m=19456,t=2,p=1$<salt>$<key>
type phc struct {
	cost cost
	salt []byte
	key  []byte
}

// cost is what a guess takes.
type cost struct {
	memory  uint32 // KiB
	passes  uint32
	threads uint8
}

// usual is what new passwords get: the first choice of OWASP's "Password Storage Cheat
// Sheet", some 25 ms. RFC 9106's 64 MiB and more would have a flood of logins take the
// server's memory and processors.
var usual = cost{memory: 19 << 10, passes: 2, threads: 1}

const (
	saltLen = 16 // RFC 9106, 3.1 recommends it
	keyLen  = 32
	maxKey  = 64
)

// least and most are what an entry of the file may ask for: less is no protection, and
// more is what a login should not take of a server.
var (
	least = cost{memory: 7 << 10, passes: 1, threads: 1}
	most  = cost{memory: 256 << 10, passes: 16, threads: 8}
)

// derive computes the key of a password.
func derive(c cost, salt, password []byte, n int) []byte {
	return argon2.IDKey(password, salt, c.passes, c.memory, c.threads, uint32(n))
}

// ErrPassword is a password that cannot be one.
var ErrPassword = fmt.Errorf("a password has 1 to %d bytes", protocol.MaxSecret)

// HashPassword returns what the file keeps of a password.
func HashPassword(password []byte) (string, error) {
	if len(password) == 0 || len(password) > protocol.MaxSecret {
		return "", ErrPassword
	}
	salt := make([]byte, saltLen)
	_, _ = rand.Read(salt) // it never fails
	return phc{usual, salt, derive(usual, salt, password, keyLen)}.String(), nil
}

// String returns the text that parsePHC takes.
func (p phc) String() string {
	encode := base64.RawStdEncoding.EncodeToString
	return fmt.Sprintf("$argon2id$v=%d$m=%d,t=%d,p=%d$%s$%s",
		argon2.Version, p.cost.memory, p.cost.passes, p.cost.threads, encode(p.salt), encode(p.key))
}

// parsePHC reads what the file has of a password.
func parsePHC(text string) (phc, error) {
	var p phc
	fields := strings.Split(text, "$")
	if len(fields) != 6 || fields[0] != "" || fields[1] != "argon2id" || fields[2] != fmt.Sprintf("v=%d", argon2.Version) {
		return p, errors.New("the password is not in the form $argon2id$v=19$m=...,t=...,p=...$SALT$KEY")
	}
	if _, err := fmt.Sscanf(fields[3], "m=%d,t=%d,p=%d", &p.cost.memory, &p.cost.passes, &p.cost.threads); err != nil {
		return p, fmt.Errorf("the password's parameters %q are not in the form m=N,t=N,p=N", fields[3])
	}
	if !p.cost.within(least, most) {
		return p, fmt.Errorf("the password's parameters %q are not from %s to %s", fields[3], least, most)
	}
	var err error
	if p.salt, err = base64.RawStdEncoding.DecodeString(fields[4]); err != nil || len(p.salt) < saltLen/2 || len(p.salt) > maxKey {
		return p, fmt.Errorf("the password's salt is not %d to %d bytes in base64 without padding", saltLen/2, maxKey)
	}
	if p.key, err = base64.RawStdEncoding.DecodeString(fields[5]); err != nil || len(p.key) < saltLen || len(p.key) > maxKey {
		return p, fmt.Errorf("the password's key is not %d to %d bytes in base64 without padding", saltLen, maxKey)
	}
	if p.String() != text {
		return p, errors.New("the password is not written as it should be: set it anew")
	}
	return p, nil
}

func (c cost) within(low, high cost) bool {
	return low.memory <= c.memory && c.memory <= high.memory &&
		low.passes <= c.passes && c.passes <= high.passes &&
		low.threads <= c.threads && c.threads <= high.threads
}

// String returns the parameters as the file has them.
func (c cost) String() string {
	return fmt.Sprintf("m=%d,t=%d,p=%d", c.memory, c.passes, c.threads)
}

// matches tells, in a time that says nothing of where they differ, whether a key that
// was derived is the password's.
func (p phc) matches(key []byte) bool { return subtle.ConstantTimeCompare(p.key, key) == 1 }

//go:build unix

package access

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"errors"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"

	"ftpd/protocol"
)

// edKey is the key of which edLine is the public half.
var (
	edKey  = ed25519.NewKeyFromSeed(bytes.Repeat([]byte{7}, ed25519.SeedSize))
	edLine = lineOf(signerOf(edKey), "alice@laptop")
)

func signerOf(key any) ssh.Signer {
	signer, err := ssh.NewSignerFromKey(key)
	if err != nil {
		panic(err)
	}
	return signer
}

func lineOf(signer ssh.Signer, comment string) string {
	return strings.TrimSpace(string(ssh.MarshalAuthorizedKey(signer.PublicKey()))) + " " + comment
}

func rsaKey(t *testing.T, bits int) ssh.Signer {
	t.Helper()
	t.Setenv("GODEBUG", "rsa1024min=0")
	key, err := rsa.GenerateKey(rand.Reader, bits)
	if err != nil {
		t.Fatal(err)
	}
	return signerOf(key)
}

func TestPasswords(t *testing.T) {
	text, err := HashPassword([]byte("sesame"))
	if err != nil {
		t.Fatal(err)
	}
	p, err := parsePHC(text)
	if err != nil || p.cost != usual {
		t.Fatalf("%s: %v", text, err)
	}
	if !p.matches(derive(p.cost, p.salt, []byte("sesame"), len(p.key))) || p.matches(derive(p.cost, p.salt, []byte("Sesame"), len(p.key))) {
		t.Error("it takes the wrong one or refuses the right one")
	}
	if again, _ := HashPassword([]byte("sesame")); again == text {
		t.Error("two have one salt")
	}
	for _, secret := range [][]byte{nil, make([]byte, protocol.MaxSecret+1)} {
		if _, err := HashPassword(secret); !errors.Is(err, ErrPassword) {
			t.Errorf("%d bytes: %v", len(secret), err)
		}
	}
}

// TestPHC has a vector of the reference implementation (P-H-C/phc-winner-argon2,
// src/test.c), and what is refused.
func TestPHC(t *testing.T) {
	p, err := parsePHC("$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc")
	if err != nil || !p.matches(derive(p.cost, p.salt, []byte("password"), len(p.key))) {
		t.Errorf("%v", err)
	}
	for _, text := range []string{
		"", "sesame", "$2y$10$abc",
		strings.Replace(goodPHC, "argon2id", "argon2i", 1),
		strings.Replace(goodPHC, "v=19", "v=16", 1),
		strings.Replace(goodPHC, "m=7168", "m=7167", 1),
		strings.Replace(goodPHC, "m=7168", "m=262145", 1),
		strings.Replace(goodPHC, "m=7168", "m=4294967296", 1),
		strings.Replace(goodPHC, "m=7168", "m=07168", 1),
		strings.Replace(goodPHC, "t=1", "t=0", 1),
		strings.Replace(goodPHC, "t=1", "t=17", 1),
		strings.Replace(goodPHC, "p=1", "p=0", 1),
		strings.Replace(goodPHC, "p=1", "p=9", 1),
		strings.Replace(goodPHC, "p=1", "p=1,x=2", 1),
		goodPHC + "=",
		goodPHC[:len(goodPHC)-30],
		goodPHC + strings.Repeat("A", 100),
	} {
		if p, err := parsePHC(text); err == nil {
			t.Errorf("%q was taken as %q", text, p)
		}
	}
}

func TestKeyLines(t *testing.T) {
	public, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct{ line, says string }{
		"ed25519":    {edLine, ""},
		"rsa":        {lineOf(rsaKey(t, 2048), "b"), ""},
		"small rsa":  {lineOf(rsaKey(t, 1024), "b"), "1024 bits"},
		"ecdsa":      {lineOf(signerOf(public), "c"), "ecdsa-sha2-nistp256"},
		"options":    {`from="10.0.0.1",no-pty ` + edLine, "options"},
		"two lines":  {edLine + "\n" + edLine, "more than one"},
		"nonsense":   {"ssh-ed25519 AAAA", "not a public key"},
		"other type": {strings.Replace(edLine, "ssh-ed25519", "ssh-rsa", 1), ""},
	} {
		line, err := ParseKeyLine([]byte(c.line))
		if name == "other type" { // the type is that of the key itself
			if err == nil && line != edLine {
				t.Errorf("%s: %s", name, line)
			}
			continue
		}
		if c.says == "" && (err != nil || line != c.line) || c.says != "" && (err == nil || !strings.Contains(err.Error(), c.says)) {
			t.Errorf("%s: %q, %v", name, line, err)
		}
	}
}

// signature makes the signature of an AUTH.
func signature(t *testing.T, signer ssh.Signer, algorithm string, exporter []byte, user string) []byte {
	t.Helper()
	text := protocol.LoginText(exporter, user, signer.PublicKey().Marshal())
	s, err := signer.(ssh.AlgorithmSigner).SignWithAlgorithm(rand.Reader, text, algorithm)
	if err != nil {
		t.Fatal(err)
	}
	return ssh.Marshal(s)
}

func TestSignatures(t *testing.T) {
	ed, big, small := signerOf(edKey), rsaKey(t, 2048), rsaKey(t, 1024)
	here, elsewhere := bytes.Repeat([]byte{1}, 32), bytes.Repeat([]byte{2}, 32)
	for _, c := range []struct {
		name      string
		signer    ssh.Signer
		algorithm string
		of        []byte // the connection it was made on
		user      string // for whom it was made
		want      bool
	}{
		{"ed25519", ed, ssh.KeyAlgoED25519, here, "alice", true},
		{"rsa, sha256", big, ssh.KeyAlgoRSASHA256, here, "alice", true},
		{"rsa, sha512", big, ssh.KeyAlgoRSASHA512, here, "alice", true},
		{"rsa, sha1", big, ssh.KeyAlgoRSA, here, "alice", false},
		{"small rsa", small, ssh.KeyAlgoRSASHA512, here, "alice", false},
		{"replayed on another connection", ed, ssh.KeyAlgoED25519, elsewhere, "alice", false},
		{"of another user", ed, ssh.KeyAlgoED25519, here, "bob", false},
		{"without an exporter", ed, ssh.KeyAlgoED25519, nil, "alice", false},
	} {
		blob := c.signer.PublicKey().Marshal()
		s := signature(t, c.signer, c.algorithm, c.of, c.user)
		if got := signed(here, "alice", blob, s); got != c.want {
			t.Errorf("%s: %t", c.name, got)
		}
		if c.of == nil && signed(nil, "alice", blob, s) {
			t.Errorf("%s: taken where there is none", c.name)
		}
		if !c.want {
			continue
		}
		if signed(here, "alice", blob, append(s, 0)) || signed(here, "alice", blob, s[:len(s)-1]) || signed(here, "alice", append(blob, 0), s) {
			t.Errorf("%s: taken with a byte too many, or too few", c.name)
		}
		if signed(here, "bob", blob, s) {
			t.Errorf("%s: taken for another user", c.name)
		}
		s[len(s)-5] ^= 1
		if signed(here, "alice", blob, s) {
			t.Errorf("%s: taken with a bit flipped", c.name)
		}
	}
}

func FuzzSigned(f *testing.F) {
	f.Add([]byte("key"), []byte("signature"))
	f.Add(signerOf(edKey).PublicKey().Marshal(), ssh.Marshal(&ssh.Signature{Format: ssh.KeyAlgoED25519, Blob: make([]byte, 64)}))
	f.Fuzz(func(t *testing.T, blob, signature []byte) {
		if signed(make([]byte, 32), "alice", blob, signature) {
			t.Fatal("a forged signature was taken")
		}
	})
}

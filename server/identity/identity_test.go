package identity

import (
	"crypto/tls"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// An identity is made once, for its owner alone, and is the same ever after.
func TestOwn(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "state")
	id, err := Own(dir)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]os.FileMode{"": 0o700, ownKey: 0o600, ownCertificate: 0o600} {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil || info.Mode().Perm() != want {
			t.Errorf("%q: %v, %v", name, info, err)
		}
	}
	if found, _ := filepath.Glob(filepath.Join(dir, "*")); len(found) != 2 {
		t.Errorf("left behind: %v", found)
	}
	again, err := Own(dir)
	if err != nil || again.Fingerprint() != id.Fingerprint() || !strings.HasPrefix(id.Fingerprint(), "SHA256:") {
		t.Errorf("%q became %q, %v", id.Fingerprint(), again.Fingerprint(), err)
	}
	if err := errors.Join(os.Remove(filepath.Join(dir, ownKey)), id.Reload()); err != nil || len(id.Files()) > 0 {
		t.Errorf("it is read again: %q, %v", id.Files(), err)
	}
	if config := id.Config(); config.MinVersion != tls.VersionTLS13 {
		t.Errorf("version %x", config.MinVersion)
	}
}

// What cannot be used is refused, by its name, and what was read before stays.
func TestReloadRefuses(t *testing.T) {
	for name, spoil := range map[string]func(certificate, key string) error{
		"key that others may read": func(_, key string) error { return os.Chmod(key, 0o604) },
		"no key":                   func(_, key string) error { return os.Remove(key) },
		"no certificate":           func(certificate, _ string) error { return os.Remove(certificate) },
		"noise":                    func(certificate, _ string) error { return os.WriteFile(certificate, []byte("noise"), 0o600) },
		"another key": func(_, key string) error {
			return create(key+".crt", key)
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			id, err := Own(dir)
			if err != nil {
				t.Fatal(err)
			}
			if id, err = Load(id.certificate, id.key); err != nil { // as if its operator had made it
				t.Fatal(err)
			}
			before := id.Fingerprint()
			if err := spoil(id.certificate, id.key); err != nil {
				t.Fatal(err)
			}
			err = id.Reload()
			if err == nil || !strings.Contains(err.Error(), dir) || id.Fingerprint() != before {
				t.Errorf("%v, and it is %q", err, id.Fingerprint())
			}
			if readable := errors.Is(err, ErrReadable); readable != strings.HasPrefix(name, "key") {
				t.Errorf("%v is of who may read it: %t", err, readable)
			}
		})
	}
	if _, err := Load("missing.crt", "missing.key"); err == nil {
		t.Error("files that are not there were loaded")
	}
}

// A key of somebody else could be theirs to show, too. Who the server goes on as may have it.
func TestForeignKey(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root gives files away")
	}
	const other = 4711
	dir := t.TempDir()
	id, err := Own(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Chown(id.key, other, other); err != nil {
		t.Fatal(err)
	}
	if _, err := Own(dir); !errors.Is(err, ErrForeign) || !strings.Contains(err.Error(), id.key) {
		t.Errorf("%v", err)
	}
	if _, err := Load(id.certificate, id.key, other+1); !errors.Is(err, ErrForeign) {
		t.Errorf("%v", err)
	}
	again, err := Own(dir, other)
	if err != nil {
		t.Fatal(err)
	}
	if again.Fingerprint() != id.Fingerprint() {
		t.Error("it is another identity")
	}
}

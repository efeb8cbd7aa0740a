//go:build unix

package ownfile

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"testing"
)

// What belongs to somebody else is believed by nobody, whatever its mode, and is not replaced
// either; it may be named as one of those who are trusted besides.
func TestForeign(t *testing.T) {
	if os.Geteuid() != 0 {
		t.Skip("only root gives files away")
	}
	const other = 4711
	name := filepath.Join(t.TempDir(), "file")
	write(t, name, "theirs", 0o600)
	if err := os.Chown(name, other, other); err != nil {
		t.Fatal(err)
	}
	if text, err := Read(name); text != nil || !errors.Is(err, ErrForeign) {
		t.Errorf("%q, %v", text, err)
	}
	mine := func([]byte) ([]byte, error) { return []byte("mine"), nil }
	if err := Update(context.Background(), name, mine); !errors.Is(err, ErrForeign) {
		t.Errorf("%v", err)
	}
	if text, err := os.ReadFile(name); string(text) != "theirs" || err != nil {
		t.Errorf("%q, %v", text, err)
	}
	info, err := os.Stat(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := CheckOwner(info, 1, other); err != nil {
		t.Errorf("of one who is trusted: %v", err)
	}
	if err := CheckOwner(info, 1); !errors.Is(err, ErrForeign) {
		t.Errorf("%v", err)
	}
}

//go:build unix

package server

import (
	"bytes"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"ftpd/client"
	"ftpd/protocol"
	"ftpd/server/storage"
	"ftpd/server/storage/faulty"
	"ftpd/server/storage/local"
)

// TestDecayedFile has a byte of a file decay whose digests the server knows. The client
// finds the block damaged, and does not for ever: once it looked at that block again,
// it gets what is there.
func TestDecayedFile(t *testing.T) {
	const at = 5*protocol.BlockSize + 7
	store, err := local.Open(t.TempDir(), local.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	var decayed atomic.Bool
	damage := func(_ storage.Path, p []byte, offset int64) {
		if decayed.Load() && offset <= at && at < offset+int64(len(p)) {
			p[at-offset] ^= 1
		}
	}
	s, err := listen(Config{Logger: quiet, Selector: asked(t), Identity: inside(t)}, netip.MustParseAddrPort("127.0.0.1:0"), faulty.New(store, faulty.Hooks{Damage: damage}), admission{})
	if err != nil {
		t.Fatal(err)
	}
	stop := serve(t, s)
	defer stop()
	content := []byte(strings.Repeat("0123456789abcdef", 8*protocol.BlockSize/16))
	source := filepath.Join(t.TempDir(), "source")
	if err := os.WriteFile(source, content, 0o600); err != nil {
		t.Fatal(err)
	}
	old := time.Now().Add(-time.Hour)
	if err := os.Chtimes(source, old, old); err != nil {
		t.Fatal(err)
	}
	c := dial(t, s.Address().String())
	if _, err := c.PutFile(t.Context(), source, "f", nil); err != nil {
		t.Fatal(err)
	}
	before, err := c.Sum(t.Context(), "f")
	if err != nil {
		t.Fatal(err)
	}
	decayed.Store(true)
	if sum, err := c.Sum(t.Context(), "f"); err != nil || sum.Digest != before.Digest {
		t.Fatalf("the digests of what was put are not known: %v", err)
	}
	target := filepath.Join(t.TempDir(), "target")
	for try := 0; ; try++ {
		_, err := c.GetFile(t.Context(), "f", target, nil)
		if err == nil {
			break
		}
		if !errors.Is(err, client.ErrIntegrity) || try > 0 {
			t.Fatalf("try %d: %v", try, err)
		}
		c = dial(t, s.Address().String())
	}
	content[at] ^= 1
	got, err := os.ReadFile(target)
	if err != nil || !bytes.Equal(got, content) {
		t.Errorf("what was got is not what is there: %v", err)
	}
	if sum, err := c.Sum(t.Context(), "f"); err != nil || sum.Digest == before.Digest {
		t.Errorf("the server still tells the digest of what was there: %v", err)
	}
}

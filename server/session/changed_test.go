package session_test

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"ftpd/protocol"
)

// TestChangedWhileSent changes a large file in the middle of its GET. Whoever replaces
// or removes it leaves the open one as it is; anything else is told.
func TestChangedWhileSent(t *testing.T) {
	content := text(9 * protocol.BlockSize)
	other := text(9*protocol.BlockSize + 1)[1:]
	for _, c := range []struct {
		name   string
		change func(h *harness, path string) error
		whole  bool
	}{
		{"replaced", func(h *harness, path string) error {
			h.write("other", other)
			return os.Rename(filepath.Join(h.root, "other"), path)
		}, true},
		{"removed", func(_ *harness, path string) error { return os.Remove(path) }, true},
		{"written to", func(_ *harness, path string) error { return os.WriteFile(path, []byte(other), 0o600) }, false},
		{"shortened", func(_ *harness, path string) error { return os.Truncate(path, 100) }, false},
		{"written to and removed", func(_ *harness, path string) error {
			if err := os.WriteFile(path, []byte(other), 0o600); err != nil {
				return err
			}
			return os.Remove(path)
		}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := greeted(t)
			h.write("f", content)
			path := filepath.Join(h.root, "f")
			then := time.Now().Add(-time.Hour) // whatever is written now has another time
			if err := os.Chtimes(path, then, then); err != nil {
				t.Fatal(err)
			}
			h.feed(protocol.Append(nil, 1, protocol.Get{Length: protocol.SizeUnknown, Path: "f"}))
			for range 3 {
				h.step(0)
				h.resume()
			}
			if err := c.change(h, path); err != nil {
				t.Fatal(err)
			}
			h.run()
			list := h.frames()
			if last := list[len(list)-1]; !c.whole {
				if m := decode[protocol.Error](t, last); m.Code != protocol.Changed {
					t.Errorf("ended with %s: %s", m.Code, m.Message)
				}
				return
			}
			if _, got := received(t, list); got != content {
				t.Error("what came is not the version that was begun")
			}
		})
	}
}

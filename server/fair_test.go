//go:build unix

package server

import (
	"strings"
	"testing"

	"ftpd/protocol"
)

// TestSlowReaders has far more clients that ask for a large file and do not
// read it than there is memory for: another client gets its file, and stores
// one, all the same.
func TestSlowReaders(t *testing.T) {
	s, stop := inProcess(t, Config{Root: t.TempDir(), Memory: 16 << 20})
	defer stop()
	address := s.Address().String()
	content := strings.Repeat("0123456789abcdef", 4<<16)
	c := dial(t, address)
	put(t, c, "large", content)
	for range 40 {
		slow := dialRaw(t, address)
		if err := socket(slow.conn).SetReadBuffer(4096); err != nil {
			t.Fatal(err)
		}
		var gets []byte
		for id := range uint32(4) {
			gets = protocol.Append(gets, id+1, protocol.Get{Length: protocol.SizeUnknown, Path: "large"})
		}
		slow.send(gets)
	}
	eventually(t, "a full memory", func() bool { return s.Stats().Memory > 8<<20 })
	if memory := s.Stats().Memory; memory > 16<<20 {
		t.Errorf("%d bytes of buffers are lent", memory)
	}
	if get(t, c, "large") != content {
		t.Error("what came back differs")
	}
	put(t, c, "another", content)
	put(t, c, "small", "small")
}

//go:build unix

package server

import (
	"bytes"
	"io"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"testing"

	"ftpd/client"
	"ftpd/protocol"
)

// both is a client and a server in this process.
func both(t testing.TB) (root string, c *client.Client) {
	t.Helper()
	root = t.TempDir()
	s, err := New(Config{Root: root, Durability: None, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve() }()
	c, err = client.Dial(t.Context(), s.Address().String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = c.Close()
		s.Close()
		if err := <-served; err != nil {
			t.Error(err)
		}
	})
	return root, c
}

// perBlock returns how many allocations each further block of a large file costs, in
// the client and the server together: the least of some tries, for a pause of one side
// costs one too.
func perBlock(transfer func(blocks int)) float64 {
	least := math.Inf(1)
	for range 5 {
		many := testing.AllocsPerRun(1, func() { transfer(manyBlocks) })
		few := testing.AllocsPerRun(1, func() { transfer(fewBlocks) })
		least = min(least, (many-few)/(manyBlocks-fewBlocks))
	}
	return least
}

const fewBlocks, manyBlocks = 16, 144

// TestAllocations pins what a transfer allocates, at both ends together: nothing for a
// block, and so much for a small file.
func TestAllocations(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector allocates as well")
	}
	defer debug.SetGCPercent(debug.SetGCPercent(-1)) // it empties pools
	root, c := both(t)
	content := bytes.Repeat([]byte("0123456789abcdef"), manyBlocks*protocol.BlockSize/16)
	for name, size := range map[string]int{"few": fewBlocks * protocol.BlockSize, "many": manyBlocks * protocol.BlockSize, "small": 4096} {
		if err := os.WriteFile(filepath.Join(root, name), content[:size], 0o600); err != nil {
			t.Fatal(err)
		}
	}
	get := func(name string) {
		if _, err := c.Get(t.Context(), name, io.Discard, nil); err != nil {
			t.Fatal(err)
		}
	}
	put := func(name string, size int) {
		if _, err := c.Put(t.Context(), name, bytes.NewReader(content[:size]), nil); err != nil {
			t.Fatal(err)
		}
	}
	n := 0
	for _, pin := range []struct {
		what string
		most float64
		got  float64
	}{
		{"a further block of a get", 0.5, perBlock(func(blocks int) { get(map[int]string{fewBlocks: "few", manyBlocks: "many"}[blocks]) })},
		{"a further block of a put", 0.8, perBlock(func(blocks int) { put("new", blocks*protocol.BlockSize) })},
		{"a small get", 18, testing.AllocsPerRun(200, func() { get("small") })},
		{"a small put", 28, testing.AllocsPerRun(200, func() { n++; put(strconv.Itoa(n), 4096) })},
	} {
		t.Logf("%s: %.2f allocations", pin.what, pin.got)
		if pin.got > pin.most {
			t.Errorf("%s allocates %.2f times, and not %v at most", pin.what, pin.got, pin.most)
		}
	}
}

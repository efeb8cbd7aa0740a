//go:build unix

package server

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"

	"ftpd/client"
)

// TestThousandClients has 1,000 clients at once, each with a connection of its
// own, put and get a file of 1 MiB each. The server has one loop and a bounded
// number of threads.
func TestThousandClients(t *testing.T) {
	const (
		clients    = 1000
		size       = 1 << 20
		maxThreads = 128 // 16, 64 and a few workers, and what the runtime keeps
	)
	d := run(t, t.TempDir(), "--log-level", "warn", "--durability", "none")
	content := make([]byte, size+clients) // client i sends the window that begins at i
	source := rand.NewChaCha8([32]byte{1})
	_, _ = source.Read(content)
	connected := make([]*client.Client, clients)
	for i := range connected {
		connected[i] = dial(t, d.address)
	}
	var group sync.WaitGroup
	for i, c := range connected {
		group.Go(func() {
			mine := content[i : i+size]
			path := fmt.Sprintf("%d/file", i)
			if _, err := c.Put(t.Context(), path, bytes.NewReader(mine), nil); err != nil {
				t.Errorf("client %d: %v", i, err)
				return
			}
			var got bytes.Buffer
			if _, err := c.Get(t.Context(), path, &got, nil); err != nil || !bytes.Equal(got.Bytes(), mine) {
				t.Errorf("client %d got %d bytes, or others: %v", i, got.Len(), err)
			}
		})
	}
	group.Wait()
	threads, err := strconv.Atoi(d.status("Threads"))
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("%d clients put and got %d bytes each; the server has %d threads at most %s of memory", clients, size, threads, d.status("VmHWM"))
	if threads > maxThreads {
		t.Errorf("the server has %d threads", threads)
	}
}

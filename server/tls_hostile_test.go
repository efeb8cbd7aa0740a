//go:build unix

package server

import (
	"crypto/tls"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"ftpd/client"
	"ftpd/protocol"
)

// PING counts the bytes of the protocol, of which a handshake has none.
func TestSecurePing(t *testing.T) {
	address, _ := secureServer(t, Config{Root: t.TempDir()})
	c, err := client.Dial(t.Context(), address, &client.Options{TLS: anyServer()})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	put(t, c, "file", strings.Repeat("x", 1<<20))
	if _, err := c.Ping(t.Context()); err != nil {
		t.Error(err)
	}
}

// What a client sends behind its handshake, before the server has seen that this is over,
// waits its turn, however much it is.
func TestSecureEarly(t *testing.T) {
	root := t.TempDir()
	address, _ := secureServer(t, Config{Root: root})
	const clients = 40
	var group sync.WaitGroup
	for i := range clients {
		group.Go(func() {
			conn, err := tls.Dial("tcp", address, anyServer())
			if err != nil {
				t.Error(err)
				return
			}
			defer conn.Close()
			b := protocol.Append(nil, 0, protocol.Hello{InFlight: 4, Agent: "early"})
			content := make([]byte, protocol.BlockSize)
			var tree protocol.Tree
			b = protocol.Append(b, 1, protocol.Put{Flags: protocol.PutEager, Size: 4 * protocol.BlockSize, Mtime: 1, Path: fmt.Sprint(i)})
			for block := range 4 {
				digest := protocol.BlockDigest(content)
				tree.Add(digest, len(content))
				b = protocol.Append(b, 1, protocol.Data{Offset: uint64(block) * protocol.BlockSize, Digest: digest, Bytes: content})
			}
			b = protocol.Append(b, 1, protocol.End{Size: tree.Size(), Algorithm: protocol.XXH3Tree, Digest: tree.Sum()})
			b = protocol.Append(b, 0, protocol.Bye{})
			if _, err := conn.Write(b); err != nil {
				t.Errorf("client %d: %v", i, err)
			}
			if _, err := io.ReadAll(conn); err != nil {
				t.Errorf("client %d: %v", i, err)
			}
		})
	}
	group.Wait()
	for i := range clients {
		if info, err := os.Stat(filepath.Join(root, fmt.Sprint(i))); err != nil || info.Size() != 4*protocol.BlockSize {
			t.Errorf("file %d: %v", i, err)
		}
	}
}

// Whom the server's last words do not reach costs the others nothing.
func TestSecureLastWords(t *testing.T) {
	d := run(t, t.TempDir(), "--tls", "--state-dir", t.TempDir(), "--log-level", "warn")
	for i := range 50 {
		conn, err := tls.Dial("tcp", d.address, anyServer())
		if err != nil {
			t.Fatalf("connection %d: %v", i, err)
		}
		hello := protocol.Append(nil, 0, protocol.Hello{InFlight: 4, Agent: "hostile"})
		if _, err := conn.Write(append(hello, strings.Repeat("garbage", i)...)); err != nil {
			t.Fatal(err)
		}
		_ = socket(conn).Close() // so that the error is answered with a reset, and close_notify cannot be written
	}
	c, err := client.Dial(t.Context(), d.address, &client.Options{TLS: anyServer()})
	if err != nil {
		t.Fatal(err)
	}
	_ = c.Close()
}

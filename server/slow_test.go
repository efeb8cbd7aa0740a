//go:build unix

package server

import (
	"net"
	"strings"
	"testing"
	"time"

	"ftpd/protocol"
	"ftpd/selector"
)

// slowKinds are ways to be slow: what is said at once, and what comes of it byte by byte.
var slowKinds = []struct {
	name  string
	said  []byte
	drips []byte
}{
	{"says nothing", nil, nil},
	{"greets slowly", nil, protocol.Append(nil, 0, protocol.Hello{InFlight: 4, Agent: strings.Repeat("slow", 50)})},
	{"asks slowly", protocol.Append(nil, 0, protocol.Hello{InFlight: 4, Agent: "slow"}), protocol.Append(nil, 1, protocol.Stat{Path: string(make([]byte, 1000))})},
	{"sends a block slowly", begunPut(), make([]byte, 100)},
}

// begunPut is a greeting, a PUT and the header of its first block.
func begunPut() []byte {
	b := protocol.Append(nil, 0, protocol.Hello{InFlight: 4, Agent: "slow"})
	b = protocol.Append(b, 1, protocol.Put{Flags: protocol.PutEager, Size: protocol.BlockSize, Mtime: 1, Path: "slow"})
	block := make([]byte, protocol.BlockSize)
	return append(b, protocol.Append(nil, 1, protocol.Data{Digest: protocol.BlockDigest(block), Bytes: block})[:64]...)
}

// TestSlowClients has 1,000 clients that send a byte now and then while a good one is
// served: each of its requests costs a few rounds of the loop, besides those for the
// bytes of the others, and these hold a bounded amount of memory.
func TestSlowClients(t *testing.T) {
	const bytes = 20
	clients := 1000
	if asked(t) == selector.Select { // which has 1,024 descriptors, those of these clients among them
		clients = 300
	}
	s, stop := inProcess(t, Config{Root: t.TempDir(), HandshakeTimeout: time.Hour})
	defer stop()
	good := dial(t, s.Address().String())
	put(t, good, "f", "x")
	conns := make([]net.Conn, clients)
	for i := range conns {
		conn, err := net.Dial("tcp", s.Address().String())
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := conn.Write(slowKinds[i%len(slowKinds)].said); err != nil {
			t.Fatal(err)
		}
		conns[i] = conn
	}
	eventually(t, "all connections", func() bool { return s.Stats().Connections == int64(clients)+1 })
	before := s.Stats()
	dripped := 0
	for i := range bytes {
		for j, conn := range conns {
			if drips := slowKinds[j%len(slowKinds)].drips; i < len(drips) {
				if _, err := conn.Write(drips[i : i+1]); err != nil {
					t.Fatalf("%s: %v", slowKinds[j%len(slowKinds)].name, err)
				}
				dripped++
			}
		}
		for range 10 {
			if _, err := good.Stat(t.Context(), "f"); err != nil {
				t.Fatal(err)
			}
		}
	}
	after := s.Stats()
	if rounds := after.Rounds - before.Rounds; rounds > int64(dripped+10*10*bytes) {
		t.Errorf("%d rounds for %d bytes and %d requests", rounds, dripped, 10*bytes)
	}
	if held := after.Memory; held > int64(clients*(300<<10))/4+1<<20 { // a block each of a quarter
		t.Errorf("they hold %d bytes of buffers", held)
	}
	if after.Connections != int64(clients)+1 {
		t.Errorf("%d connections", after.Connections)
	}
}

// TestSlowClientsEnd has each kind of slow client meet its deadline, whatever it sends
// meanwhile.
func TestSlowClientsEnd(t *testing.T) {
	for _, kind := range slowKinds[:3] {
		t.Run(kind.name, func(t *testing.T) {
			t.Parallel()
			s, stop := inProcess(t, Config{Root: t.TempDir(), HandshakeTimeout: 300 * time.Millisecond, IdleTimeout: 300 * time.Millisecond, StallTimeout: time.Hour})
			defer stop()
			conn, err := net.Dial("tcp", s.Address().String())
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := conn.Write(kind.said); err != nil {
				t.Fatal(err)
			}
			ended := make(chan error, 1)
			go func() {
				var err error
				for b := make([]byte, 1024); err == nil; {
					_, err = conn.Read(b)
				}
				ended <- err
			}()
			ticks := time.NewTicker(20 * time.Millisecond)
			defer ticks.Stop()
			limit := time.After(10 * time.Second)
			for drips := kind.drips; ; {
				select {
				case err := <-ended:
					if kind.drips != nil && len(drips) == 1 {
						t.Errorf("it ended once it sent no more: %v", err)
					}
					return
				case <-limit:
					t.Fatal("it is connected still")
				case <-ticks.C:
					if len(drips) > 1 {
						_, _ = conn.Write(drips[:1]) // it may be closed
						drips = drips[1:]
					}
				}
			}
		})
	}
}

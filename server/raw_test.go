//go:build unix

package server

import (
	"net"
	"testing"

	"ftpd/protocol"
)

// rawClient speaks the protocol by hand, to stop where no client would.
type rawClient struct {
	t    *testing.T
	conn net.Conn
}

func dialRaw(t *testing.T, address string) *rawClient {
	t.Helper()
	conn, err := connect(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	c := &rawClient{t, conn}
	c.send(protocol.Append(nil, 0, protocol.Hello{InFlight: 4, Agent: "raw"}))
	return c
}

func (c *rawClient) send(b []byte) {
	c.t.Helper()
	if _, err := c.conn.Write(b); err != nil {
		c.t.Fatal(err)
	}
}

// startPut sends the first blocks of an upload of size bytes, and half of the
// next one.
func (c *rawClient) startPut(path string, size uint64) {
	block := make([]byte, protocol.BlockSize)
	b := protocol.Append(nil, 1, protocol.Put{Flags: protocol.PutEager, Size: size, Mtime: 1, Path: path})
	for i := range 3 {
		b = protocol.Append(b, 1, protocol.Data{Offset: uint64(i) * protocol.BlockSize, Digest: protocol.BlockDigest(block), Bytes: block})
	}
	c.send(b[:len(b)-1000])
}

// reset ends the connection as the kernel does for a process that was killed
// with data unread.
func (c *rawClient) reset() {
	tcp := socket(c.conn)
	_ = tcp.SetLinger(0)
	_ = tcp.Close()
}

package client

import (
	"bytes"
	"io"
	"net"
	"strings"
	"sync"
	"testing"

	"ftpd/internal/trial/rekey"
	"ftpd/protocol"
)

// rekeying listens for clients, and serves each over TLS whose keys the test changes.
func rekeying(t *testing.T, o *peerOptions, serve func(conn *rekey.Conn)) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	o.options.TLS.ServerName = "peer"
	var running sync.WaitGroup
	running.Go(func() {
		for {
			raw, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer raw.Close()
				conn, err := rekey.Server(raw, o.tls)
				if err != nil {
					t.Error(err)
					return
				}
				serve(conn)
			})
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		running.Wait()
	})
	return listener.Addr().String()
}

// changing changes its keys before each write, and asks for the other's now and then:
// crypto/tls takes 16 changes in a row.
type changing struct {
	*rekey.Conn
	ask bool
	n   int
}

func (c *changing) Write(p []byte) (int, error) {
	c.n++
	if err := c.Update(1, c.ask && c.n%32 == 0); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

// TestKeyUpdates: a server changes its keys again and again while files go both ways, and
// asks for those of the client.
func TestKeyUpdates(t *testing.T) {
	for name, ask := range map[string]bool{"the server's": false, "both": true} {
		t.Run(name, func(t *testing.T) {
			d := serve(t)
			o := securely(t)
			changes := make(chan int, 1)
			address := rekeying(t, &o, func(conn *rekey.Conn) {
				behind, err := net.Dial("tcp", d.address)
				if err != nil {
					t.Error(err)
					return
				}
				defer behind.Close()
				go func() {
					_, _ = io.Copy(behind, conn)
					_ = behind.(*net.TCPConn).CloseWrite()
				}()
				to := &changing{Conn: conn, ask: ask}
				_, _ = io.Copy(to, behind)
				changes <- to.n
			})
			c, err := Dial(limit(t), address, &o.options)
			if err != nil {
				t.Fatal(err)
			}
			content := bytesOf(40*protocol.BlockSize + 7)
			if _, err := c.Put(limit(t), "f", bytes.NewReader(content), nil); err != nil {
				t.Error(err)
			}
			var got bytes.Buffer
			if _, err := c.Get(limit(t), "f", &got, nil); err != nil || !bytes.Equal(got.Bytes(), content) {
				t.Errorf("%d others came back, %v", got.Len(), err)
			}
			if err := c.Close(); err != nil {
				t.Error(err)
			}
			if n := <-changes; n < 50 {
				t.Errorf("the keys were changed %d times only", n)
			}
		})
	}
}

// TestEndlessKeyUpdates: a server that changes keys and says nothing besides is no server.
func TestEndlessKeyUpdates(t *testing.T) {
	o := securely(t)
	o.options.Retries = -1
	address := rekeying(t, &o, func(conn *rekey.Conn) {
		for err := error(nil); err == nil; {
			err = conn.Update(1, false)
		}
	})
	_, err := Dial(limit(t), address, &o.options)
	if err == nil || !strings.Contains(err.Error(), "too many") {
		t.Errorf("%v (%T)", err, err)
	}
}

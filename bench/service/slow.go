//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"

	"ftpd/protocol"
)

// slowPace is how often each slow client sends a byte.
const slowPace = time.Second

// slowClient is one that never gets done with what it has begun.
type slowClient struct {
	net.Conn
	begin []byte // said at once
	rest  []byte // of what it has begun; it never sends all of it
}

// slowBeginnings are what slow clients begin: nothing, a greeting, a login and a block.
func slowBeginnings() []slowClient {
	hello := protocol.Append(nil, 0, protocol.Hello{InFlight: 4, Agent: strings.Repeat("x", protocol.MaxAgent)})
	login := protocol.Append(nil, 1, protocol.Authenticate{Method: protocol.Password, User: "slow", Credential: make([]byte, 1024)})
	put := protocol.Append(hello, 1, protocol.Put{Flags: protocol.PutEager, Size: protocol.BlockSize, Path: "slow"})
	block := make([]byte, protocol.BlockSize)
	data := protocol.Append(nil, 1, protocol.Data{Digest: protocol.BlockDigest(block), Bytes: block})
	return []slowClient{
		{},
		{rest: hello},
		{begin: hello, rest: login},
		{begin: append(put, data[:64]...), rest: data[64:]},
	}
}

// dribble has so many slow clients, "NUMBER@ADDRESS", until standard input ends. One whose
// time the server finds is up comes again.
func dribble(what string, stdin io.Reader) error {
	number, address, _ := strings.Cut(what, "@")
	n, err := strconv.Atoi(number)
	if err != nil || address == "" {
		return fmt.Errorf("-dribble: %q is not NUMBER@ADDRESS", what)
	}
	kinds := slowBeginnings()
	clients := make([]slowClient, n)
	for i := range clients {
		if clients[i], err = begin(kinds[i%len(kinds)], address); err != nil {
			return err
		}
	}
	ended := make(chan struct{})
	var group sync.WaitGroup
	const workers = 8
	for w := range workers {
		group.Go(func() {
			ticks := time.NewTicker(slowPace)
			defer ticks.Stop()
			for {
				for i := w; i < n; i += workers {
					clients[i].send(kinds[i%len(kinds)], address)
				}
				select {
				case <-ticks.C:
				case <-ended:
					return
				}
			}
		})
	}
	fmt.Println("dribbling")
	_, _ = io.Copy(io.Discard, stdin)
	close(ended)
	group.Wait()
	for _, c := range clients {
		if c.Conn != nil {
			_ = c.Close()
		}
	}
	return nil
}

// begin connects, and says what the client says at once.
func begin(kind slowClient, address string) (slowClient, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return slowClient{}, err
	}
	_, err = conn.Write(kind.begin)
	return slowClient{Conn: conn, rest: kind.rest}, err
}

// send sends a byte, on a new connection where the server has closed the one before.
func (c *slowClient) send(kind slowClient, address string) {
	if c.Conn == nil || c.closed() {
		if c.Conn != nil {
			_ = c.Close()
		}
		*c, _ = begin(kind, address) // or the next time
	}
	if c.Conn != nil && len(c.rest) > 1 {
		_, _ = c.Write(c.rest[:1]) // closed is told by reading
		c.rest = c.rest[1:]
	}
}

// closed reads what has come, and tells whether that was all.
func (c *slowClient) closed() bool {
	if err := c.SetReadDeadline(time.Now().Add(time.Millisecond)); err != nil {
		return true
	}
	_, err := c.Read(make([]byte, 4096))
	timeout, ok := errors.AsType[net.Error](err)
	return err != nil && !(ok && timeout.Timeout())
}

//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"time"
)

// echo sends back what it is sent, to one client, until standard input ends. It is the least
// that a server can do, and its time is what the network and the scheduler of the machine take.
func echo(stdin io.Reader, out io.Writer) error {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	go func() {
		c, err := l.Accept()
		if err != nil {
			return // it was closed
		}
		defer c.Close()
		_, _ = io.Copy(c, struct{ io.Reader }{c}) // until the client has gone
	}()
	_, _ = fmt.Fprintln(out, l.Addr())
	_, _ = io.Copy(io.Discard, stdin)
	return l.Close()
}

// echoes returns how long each echo of a byte took.
func echoes(ctx context.Context, lasting time.Duration) ([]time.Duration, error) {
	server, address, err := child("-echo", "on")
	if err != nil {
		return nil, err
	}
	defer server.stop()
	c, err := net.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	b := []byte{1}
	return repeat(ctx, lasting, func() error {
		if _, err := c.Write(b); err != nil {
			return err
		}
		_, err := io.ReadFull(c, b)
		return err
	})
}

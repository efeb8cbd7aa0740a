//go:build linux

package main

import (
	"bytes"
	"fmt"
	"net"
	"time"

	"ftpd/protocol"
)

// conn is a connection of the protocol without the machinery of a client, so that
// ten thousand of them are cheap and the time of one is that of the server.
type conn struct {
	net.Conn
	decoder protocol.Decoder
}

// dial connects and greets. The source address is chosen by number, for each has
// no more than some 28,000 ports.
func dial(address string, number int) (*conn, error) {
	source := net.IPv4(127, 0, 0, byte(1+number/20_000))
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: source}, Timeout: time.Minute}
	tcp, err := d.Dial("tcp", address)
	if err != nil {
		return nil, err
	}
	c := &conn{Conn: tcp, decoder: protocol.NewDecoder(protocol.Server)}
	if err := c.greet(); err != nil {
		return nil, fmt.Errorf("greet: %w", err)
	}
	return c, nil
}

func (c *conn) greet() error {
	_, err := c.exchange(protocol.Append(nil, 0, protocol.Hello{InFlight: protocol.DefaultInFlight, Agent: "service"}), protocol.OpWelcome)
	return err
}

// first sends a request and waits for the first reply.
func (c *conn) first(request []byte) (protocol.Frame, error) {
	if _, err := c.Write(request); err != nil {
		return protocol.Frame{}, err
	}
	c.decoder.Attach(make([]byte, protocol.ControlBuffer))
	defer c.decoder.Detach()
	for {
		f, ok, err := c.decoder.Next()
		if ok || err != nil {
			f.Payload = bytes.Clone(f.Payload)
			return f, err
		}
		n, err := c.Read(c.decoder.Space())
		if err != nil {
			return f, err
		}
		c.decoder.Advance(n)
	}
}

// exchange sends a request and waits for its last reply.
func (c *conn) exchange(request []byte, last protocol.Opcode) (protocol.Frame, error) {
	if _, err := c.Write(request); err != nil {
		return protocol.Frame{}, err
	}
	c.decoder.Attach(make([]byte, protocol.BlockBuffer))
	defer c.decoder.Detach()
	for {
		f, ok, err := c.decoder.Next()
		switch {
		case err != nil:
			return f, err
		case ok && f.Opcode == protocol.OpError:
			m, _ := protocol.Decode[protocol.Error](f)
			return f, fmt.Errorf("the server says %s: %s", m.Code, m.Message)
		case ok && f.Opcode == last:
			return f, nil
		case ok:
			continue
		}
		n, err := c.Read(c.decoder.Space())
		if err != nil {
			return f, err
		}
		c.decoder.Advance(n)
	}
}

// get downloads a file.
func (c *conn) get(path string) error {
	_, err := c.exchange(protocol.Append(nil, 1, protocol.Get{Length: protocol.SizeUnknown, Path: path}), protocol.OpEnd)
	return err
}

// flood downloads a file again and again, until the connection is closed.
func (c *conn) flood(path string) error {
	for {
		if err := c.get(path); err != nil {
			return err
		}
	}
}

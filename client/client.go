package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"ftpd/protocol"
)

// Client is a server that is connected to. All methods are safe for concurrent
// use. A connection that is lost is dialled again where Options.Retries allows
// that (see Retries in the package's documentation).
//
// A method whose context ends returns at once with the context's error; the
// request is cancelled on the wire and the connection stays usable. Only a
// reader or writer that blocks holds up the call that uses it.
type Client struct {
	address  string // "host:port"
	options  Options
	limits   limits
	lines    []*line      // the first is dialled by who needs it, the others on the side
	advances atomic.Int64 // grows with all that need not be done again

	closing context.Context // ends when Close is called
	end     context.CancelFunc
	closed  chan struct{} // closed when Close is over
	once    sync.Once
}

// Dial connects to a server at "host:port"; the port is 2120 when missing.
// ctx bounds connecting and greeting only. A server that cannot be reached is
// a *NetworkError, at once, for an address may be mistyped; one that refuses or
// speaks another protocol is an *Error, once retries are used up where it says
// that another try may help. One that is not trusted is a *TrustError, and one that
// speaks TLS where it should not, or the reverse, a *TLSError.
func Dial(ctx context.Context, address string, o *Options) (*Client, error) {
	return dialFirst(ctx, address, o.withDefaults(), defaultLimits())
}

func dialFirst(ctx context.Context, address string, options Options, limits limits) (*Client, error) {
	c := &Client{address: withPort(address), options: options, limits: limits, closed: make(chan struct{})}
	c.closing, c.end = context.WithCancel(context.Background())
	for range options.Connections {
		c.lines = append(c.lines, newLine(c))
	}
	if err := c.lines[0].first(ctx); err != nil {
		c.end()
		return nil, err
	}
	return c, nil
}

// dial makes one connection.
func dial(ctx context.Context, address string, options *Options, limits limits) (*conn, error) {
	for {
		c, err := dialOnce(ctx, address, options, limits)
		if !errors.Is(err, errAskedLong) { // which it is once, for then the password is known
			return c, err
		}
	}
}

func dialOnce(ctx context.Context, address string, options *Options, limits limits) (*conn, error) {
	limited := ctx
	if options.DialTimeout > 0 {
		var cancel context.CancelFunc
		limited, cancel = context.WithTimeout(ctx, options.DialTimeout)
		defer cancel()
	}
	nc, err := options.Dial(limited, "tcp", address)
	if err != nil {
		return nil, dialError(ctx, address, err)
	}
	c, err := open(ctx, limited, nc, address, options, limits)
	if err != nil {
		_ = nc.Close() // the first error is the one to tell
		return nil, dialError(ctx, address, err)
	}
	return c, nil
}

// open makes a connection of what was dialled. limited bounds all but a login, which
// somebody may have to type a password for.
func open(ctx, limited context.Context, raw net.Conn, address string, options *Options, limits limits) (*conn, error) {
	nc := raw
	if options.TLS != nil {
		var err error
		if nc, err = secure(limited, raw, address, options.TLS); err != nil {
			return nil, err
		}
	}
	in := newReceiver(nc)
	server, err := greet(limited, in, address, options)
	if err == nil {
		err = enter(ctx, in, server, options)
	}
	if err != nil {
		return nil, err
	}
	c := newConn(in, server, options.Timeout, limits)
	c.start(raw)
	return c, nil
}

// withPort adds the default port where none is given.
func withPort(address string) string {
	if _, _, err := net.SplitHostPort(address); err == nil {
		return address
	}
	host := address
	if len(host) > 1 && host[0] == '[' && host[len(host)-1] == ']' {
		host = host[1 : len(host)-1]
	}
	return net.JoinHostPort(host, strconv.Itoa(protocol.DefaultPort))
}

// dialError tells the caller's context from a limit of ours, and what a server
// said from what the network did.
func dialError(ctx context.Context, address string, err error) error {
	if cause := ctx.Err(); cause != nil {
		return fmt.Errorf("dial %s: %w", printable(address), cause)
	}
	if _, said := errors.AsType[*Error](err); said || unacceptable(err) {
		return err
	}
	if _, local := errors.AsType[*LocalError](err); local {
		return err
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, os.ErrDeadlineExceeded) {
		err = ErrTimeout
	}
	return &NetworkError{Op: "dial", Address: address, Err: err}
}

// greet exchanges HELLO and WELCOME.
func greet(ctx context.Context, in *receiver, address string, o *Options) (Server, error) {
	stop := interruptible(ctx, in.conn)
	defer stop()
	hello := protocol.Append(nil, 0, protocol.Hello{InFlight: uint16(o.InFlight), Agent: o.Agent})
	in.greeted = len(hello)
	if _, err := in.conn.Write(hello); err != nil && ctx.Err() != nil {
		return Server{}, ctx.Err()
	} // any other failure shows in reading, with what the server may have said
	f, err := firstFrame(in)
	switch {
	case ctx.Err() != nil:
		return Server{}, ctx.Err()
	case err != nil:
		return Server{}, foreign(in, address, err)
	case f.Opcode == protocol.OpError:
		return Server{}, lastError(f, "dial", address)
	case f.Opcode == protocol.OpGoaway: // in place of WELCOME, from a server that ends just now
		return Server{}, turnedAway(f, address)
	}
	m, err := protocol.Decode[protocol.Welcome](f)
	if err != nil {
		return Server{}, broken(err)
	}
	if !stop() {
		return Server{}, ctx.Err()
	}
	return Server{
		Agent:    m.Agent,
		Address:  address,
		ReadOnly: m.Features&protocol.FeatureReadOnly != 0,
		Durable:  m.Features&protocol.FeatureDurable != 0,
		Users:    m.Features&protocol.FeatureLogin != 0,
		InFlight: min(o.InFlight, int(m.InFlight)),
	}, nil
}

// interruptible has the end of a context end what is under way on a connection, until
// stop is called; stop returns false where that came too late.
func interruptible(ctx context.Context, c net.Conn) (stop func() bool) {
	return context.AfterFunc(ctx, func() {
		_ = c.SetDeadline(time.Unix(1, 0)) // long past
	})
}

func firstFrame(in *receiver) (protocol.Frame, error) {
	for {
		if f, ok, err := in.next(); ok || err != nil {
			return f, err
		}
		if speaksTLS(in.decoder.Bytes()) { // an alert is shorter than a header
			return protocol.Frame{}, ErrSecureServer
		}
		if _, err := in.read(); errors.Is(err, io.EOF) {
			return protocol.Frame{}, errHungUp
		} else if err != nil {
			return protocol.Frame{}, err
		}
	}
}

// foreign tells a server of another protocol by its first byte.
func foreign(in *receiver, address string, err error) error {
	if speaksTLS(in.decoder.Bytes()) {
		return &TLSError{Address: address, Err: ErrSecureServer}
	}
	if came := in.decoder.Bytes(); len(came) > 0 && came[0] != protocol.Version {
		message := "what answers there is no ftpd server of this version"
		if line, _, _ := bytes.Cut(came, []byte("\r\n")); bytes.HasPrefix(line, []byte("ftpd: ")) {
			message = string(line[len("ftpd: "):])
		}
		return &Error{Op: "dial", Path: address, Code: protocol.Unsupported, Message: message}
	}
	if _, found := errors.AsType[*protocol.ProtocolError](err); found {
		return broken(err)
	}
	return err
}

// Close says goodbye, waits up to five seconds for what is in flight and
// closes the connection. Calls that are still open then fail with ErrClosed,
// as every later one does. It always returns nil.
func (c *Client) Close() error {
	c.once.Do(func() {
		defer close(c.closed)
		c.end()
		var group sync.WaitGroup
		for _, l := range c.lines {
			group.Go(l.close)
		}
		group.Wait()
	})
	return nil
}

// Server returns what the server told about itself when it was dialled last.
func (c *Client) Server() Server { return c.lines[0].last().server }

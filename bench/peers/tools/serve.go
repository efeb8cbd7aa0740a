//go:build linux

package tools

import (
	"context"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"time"

	"ftpd/bench/peers/process"
)

// freeAddress returns one that nobody listens on. Another process may take it
// first; the server then ends, and says so.
func freeAddress() (address, port string, err error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", "", err
	}
	address = l.Addr().String()
	_, port, err = net.SplitHostPort(address)
	if closeErr := l.Close(); err == nil {
		err = closeErr
	}
	return address, port, err
}

// accepting says whether somebody listens.
func accepting(address string) error {
	conn, err := net.DialTimeout("tcp", address, time.Second)
	if err != nil {
		return err
	}
	return conn.Close()
}

// serve starts a server that will listen on an address.
func serve(ctx context.Context, address string, c process.Command, client func(address string) Client) (*Session, error) {
	server, err := process.Start(ctx, c, func() error { return accepting(address) })
	if err != nil {
		return nil, err
	}
	return &Session{Address: address, Client: client, server: server}, nil
}

// write writes a file into the scratch directory and returns its path.
func (p Place) write(name, text string) (string, error) {
	path := filepath.Join(p.Scratch, name)
	return path, os.WriteFile(path, []byte(text), 0o600)
}

// remote returns the path on this machine of a path below the root.
func (p Place) remote(path string) string { return filepath.Join(p.Root, path) }

// line is a command without settings.
func line(words ...string) (process.Command, error) {
	return process.Command{Line: words}, nil
}

// mustSplit takes an address of net.Listener apart.
func mustSplit(address string) (host, port string) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		panic(fmt.Sprintf("%q is no address: %v", address, err))
	}
	return host, port
}

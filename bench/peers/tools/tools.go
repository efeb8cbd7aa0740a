//go:build linux

// Package tools knows the programs that are measured: where to find them, how a
// server is started without touching the system's configuration, and what
// command line of its natural client copies a file or a tree.
package tools

import (
	"context"
	"errors"
	"strings"
	"time"

	"ftpd/bench/peers/process"
)

// A Tool is a server with its client, or what copies without one.
type Tool struct {
	Name     string
	File     string   // the client that copies a file, where it has another name
	Tree     string   // the client that copies a tree
	Packages []string // whose versions tell what was measured
	Synced   bool     // a put is on the disk when it is said to be done
	Required bool     // its failure ends the run: it is the product
	PutOnly  bool     // it gets as another tool does
	FileOnly bool     // it is measured with the large file only
	// Start makes it ready to copy to and from a place. An error says why it
	// cannot be measured here.
	Start func(ctx context.Context, p Place) (*Session, error)
}

// A Place is a directory that is served, and one for what a server and its
// client need of their own, on the same file system and empty at first.
type Place struct {
	Root, Scratch string
}

// A Copy is what is to be done: a file or a tree, between a path of this machine
// and one below the root. The directory it is copied into exists, the copy does
// not.
type Copy struct {
	Local, Remote string
	Tree          bool
}

// A Client gives the command lines that copy.
type Client struct {
	Put, Get func(Copy) (process.Command, error)
}

// A Session is a tool at work.
type Session struct {
	Address string                      // HOST:PORT of the server, empty without one
	Client  func(address string) Client // by way of an address that leads to the server
	server  *process.Daemon
}

// ErrUnsupported is a copy that a tool cannot do.
var ErrUnsupported = errors.New("not supported")

// CPU returns the processor time of the server since its start, when it has
// done with all clients.
func (s *Session) CPU(ctx context.Context) (time.Duration, error) {
	if s.server == nil {
		return 0, nil
	}
	if err := s.server.Settle(ctx); err != nil {
		return 0, err
	}
	return s.server.CPU()
}

// Stop ends the server.
func (s *Session) Stop() error {
	if s.server == nil {
		return nil
	}
	return s.server.Stop()
}

// The names of the tools that others are compared with.
const (
	Product      = "ftpd, durability commit"
	ProductQuick = "ftpd, durability none"
	Reference    = "cp"
	Bare         = "bare loop"
	Rsync        = "rsync --daemon"
	ProductTLS   = Product + insideTLS
)

// insideTLS ends the names of tools whose bytes are encrypted on their way.
const insideTLS = ", TLS"

// Secure reports whether a tool of that name copies inside TLS.
func Secure(name string) bool { return strings.HasSuffix(name, insideTLS) }

// Ours reports whether a tool of that name is the product.
func Ours(name string) bool { return name == Product || name == ProductQuick || name == ProductTLS }

// Peer reports whether a tool of that name is one that people could use instead.
func Peer(name string) bool { return name != Reference && name != Bare && !Ours(name) }

// All returns every tool in the order of the tables. bin is the directory of
// ftpd and ftpc.
func All(bin string, find *Finder) []Tool {
	return []Tool{
		ftpd(Product, bin, true),
		ftpd(ProductQuick, bin, false, "--durability", "none"),
		secureFTPD(bin),
		copier(),
		bare(bin),
		rsync(Rsync, find),
		rsync(Rsync+" --fsync", find, "--fsync"),
		vsftpd(find),
		secureVsftpd(find),
		pureFTPD(find),
		pyftpdlib(find),
		nginx(find),
		secureNginx(find),
		sshd(find),
	}
}

package server

import (
	"fmt"
	"log/slog"
	"time"

	"ftpd/protocol"
	"ftpd/selector"
	"ftpd/server/identity"
	"ftpd/server/reactor"
)

// Config is what a server can be told. The zero value serves the current
// directory on a free port of 127.0.0.1. A negative duration or amount switches off
// what it is for.
type Config struct {
	Root     string             // the directory to serve, default "."
	Listen   string             // HOST:PORT, default 127.0.0.1:0; port 0 asks for a free one
	Socket   int                // a listening TCP socket to use in place of Listen, as a service manager hands one over; 0 is none
	Insecure bool               // allow an address that other machines reach
	Identity *identity.Identity // what is shown inside TLS; nil is plain TCP
	ReadOnly bool               // refuse every change
	Selector selector.Kind      // default Auto

	Users         string        // the users file; empty is a server without users
	UsersOwner    int           // by number, whose it may be besides root's and this user's: who the process goes on as
	Anonymous     Anonymous     // what who has not logged in may do
	LoginFailures int           // failed logins until an address is refused, default 10; negative is any number
	LoginBan      time.Duration // how long it is refused then, and failures count, default 15 min
	LoginTimeout  time.Duration // from connecting until a login must have succeeded where one is needed, default 30 s

	MaxClients       int           // connections at once, default 10,000
	MaxPerAddress    int           // those of one address, or of one /64 network of IPv6, default any number
	InFlight         int           // requests that a connection may have in flight, 1 to 65,535, default DefaultInFlight
	ListDepth        int           // directories in each other that are listed, default 1,000
	IdleTimeout      time.Duration // without a request in flight, default 15 min
	HandshakeTimeout time.Duration // from connecting to HELLO, default 10 s
	StallTimeout     time.Duration // a request in flight and no byte moving for want of the client, default 60 s
	DrainTimeout     time.Duration // how long Shutdown waits for requests in flight, default 30 s; negative is not at all
	Memory           int64         // bytes for the buffers of all connections, default 256 MiB, at least 4 MiB

	RateUp          int64 // bytes a second that all clients together may send, at least MinRate; default any number
	RateDown        int64 // bytes a second that all of them may be sent, likewise
	AddressRateUp   int64 // what those of one address, or of one /64 network, may send, likewise
	AddressRateDown int64 // what those may be sent, likewise

	DigestCache   int64         // bytes for the digests of files that do not change, default 32 MiB
	KeepResumable time.Duration // how long the part of an interrupted upload is kept, default 24 h

	Heartbeat      func()        // called by the loop that serves everybody, and must not block; nil is never
	HeartbeatEvery time.Duration // how often, at least once in so long unless the loop is stuck

	Durability Durability
	Version    string       // told to clients, default "ftpd"
	Logger     *slog.Logger // default slog.Default
}

const (
	// MinRate is the least that a rate may be, in bytes a second.
	MinRate = reactor.MinRate
	// DefaultInFlight is the default of Config.InFlight.
	DefaultInFlight = protocol.DefaultInFlight
)

// Durability says what the OK to an upload means.
type Durability uint8

const (
	// Commit is the default: file and directory are synced to the disk.
	Commit Durability = iota
	// None leaves it to the kernel when the bytes reach the disk. An upload is
	// still verified and still appears in one step.
	None
)

// ParseDurability returns the Durability of a name: "commit" or "none".
func ParseDurability(name string) (Durability, error) {
	switch name {
	case "commit":
		return Commit, nil
	case "none":
		return None, nil
	}
	return 0, fmt.Errorf("unknown durability %q: use commit or none", name)
}

// String returns the name that ParseDurability takes.
func (d Durability) String() string {
	if d == None {
		return "none"
	}
	return "commit"
}

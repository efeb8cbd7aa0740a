//go:build unix

// Package server puts the parts together: a storage, the sessions that serve
// it, and the loop that drives them.
//
//	s, err := server.New(server.Config{Root: "share", Listen: "127.0.0.1:2120"})
//	...
//	go func() { <-stop; s.Shutdown() }()
//	err = s.Serve()
package server

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/netip"
	"strings"

	"ftpd/protocol"
	"ftpd/selector"
	"ftpd/server/access"
	"ftpd/server/identity"
	"ftpd/server/reactor"
	"ftpd/server/session"
	"ftpd/server/storage"
	"ftpd/server/storage/homes"
	"ftpd/server/storage/local"
)

// ErrInsecure is returned by New for an address that other machines reach, unless the
// server has TLS and users, and lets nobody else change anything.
var ErrInsecure = errors.New("other machines reach this address")

// ErrAddress is returned by New for a text that is no address to listen on,
// whatever the machine.
var ErrAddress = errors.New("an address is HOST:PORT, with a port from 0 to 65535; such as 127.0.0.1:2120")

// ErrSocket is returned by New for a Config.Socket that it cannot serve on.
var ErrSocket = errors.New("cannot serve on the socket that was handed over")

// Server serves one directory.
type Server struct {
	closeAll func() error       // what is served
	gate     *access.Gate       // nil without users
	identity *identity.Identity // nil outside TLS
	loop     *reactor.Loop
	address  netip.AddrPort
	logger   *slog.Logger
}

// New opens the directory and listens; Serve does the rest. Every error says
// what is wrong with which part of config.
func New(config Config) (*Server, error) {
	address, err := resolve(config)
	if err != nil {
		return nil, err
	}
	if config.Logger == nil {
		config.Logger = slog.Default()
	}
	if config.Root == "" {
		config.Root = "."
	}
	if err := keepSecret(config); err != nil {
		return nil, err
	}
	served, err := homes.Open(config.Root, homes.Options{Options: localOptions(config), Make: true})
	if err != nil {
		return nil, err
	}
	s, err := listenFor(config, address, served)
	if err != nil {
		return nil, errors.Join(err, served.Close())
	}
	return s, nil
}

// listenFor listens for those who are served the root. They use it until it is closed.
func listenFor(config Config, address netip.AddrPort, h *homes.Homes) (*Server, error) {
	store, _, err := h.Acquire("/", homes.Quota{})
	if err != nil {
		return nil, err
	}
	admission, err := admit(config, store, h)
	if err != nil {
		return nil, err
	}
	s, err := listen(config, address, store, admission)
	if err != nil {
		return nil, err
	}
	s.closeAll = h.Close
	return s, nil
}

func localOptions(config Config) local.Options {
	return local.Options{
		ReadOnly:      config.ReadOnly,
		NoSync:        config.Durability == None,
		DigestCache:   config.DigestCache,
		KeepResumable: config.KeepResumable,
		ListDepth:     config.ListDepth,
		Logger:        config.Logger,
	}
}

func listen(config Config, address netip.AddrPort, store storage.Storage, admission admission) (*Server, error) {
	fd, bound := config.Socket, address
	if fd == 0 {
		var err error
		if fd, bound, err = reactor.Listen(address); err != nil {
			return nil, err
		}
	}
	sessions := session.NewFactory(session.Config{
		Storage:          store,
		Allow:            admission.allow,
		Gate:             admission.sessionGate(),
		PlainPasswords:   config.Insecure || address.Addr().IsLoopback(),
		LoginTimeout:     config.LoginTimeout,
		Logger:           config.Logger,
		Agent:            agent(config.Version),
		Features:         features(config),
		InFlight:         config.InFlight,
		IdleTimeout:      config.IdleTimeout,
		HandshakeTimeout: config.HandshakeTimeout,
		StallTimeout:     config.StallTimeout,
	})
	loop, err := reactor.New(fd, reactor.Config{
		TLS:             secured(config.Identity),
		Selector:        config.Selector,
		NewSession:      sessions.Session,
		Logger:          config.Logger,
		MaxClients:      config.MaxClients,
		MaxPerAddress:   config.MaxPerAddress,
		Spare:           admission.spares,
		Memory:          config.Memory,
		DrainTimeout:    config.DrainTimeout,
		RateUp:          config.RateUp,
		RateDown:        config.RateDown,
		AddressRateUp:   config.AddressRateUp,
		AddressRateDown: config.AddressRateDown,
		Heartbeat:       config.Heartbeat,
		HeartbeatEvery:  config.HeartbeatEvery,
	})
	if err != nil {
		return nil, err
	}
	return &Server{closeAll: store.Close, gate: admission.gate, identity: config.Identity, loop: loop, address: bound, logger: config.Logger}, nil
}

// resolve returns the address of Config.Socket or Config.Listen, and refuses one that
// is not safe.
func resolve(config Config) (netip.AddrPort, error) {
	address, err := named(config)
	if err != nil {
		return netip.AddrPort{}, err
	}
	if open := dangers(config); !address.Addr().IsLoopback() && !config.Insecure && len(open) > 0 {
		return netip.AddrPort{}, fmt.Errorf("%s: %w: %s; do that, use a loopback address such as 127.0.0.1, or allow it with --insecure",
			address, ErrInsecure, strings.Join(open, ", and "))
	}
	return address, nil
}

func named(config Config) (netip.AddrPort, error) {
	if config.Socket != 0 {
		address, err := reactor.Inherit(config.Socket)
		if err != nil {
			return netip.AddrPort{}, fmt.Errorf("%w: descriptor %d: %w", ErrSocket, config.Socket, err)
		}
		return address, nil
	}
	listen := config.Listen
	if listen == "" {
		listen = "127.0.0.1:0"
	}
	_, port, err := net.SplitHostPort(listen)
	if err == nil && port != "" {
		_, err = net.LookupPort("tcp", port)
	}
	if err != nil || port == "" {
		return netip.AddrPort{}, fmt.Errorf("%q: %w", listen, ErrAddress)
	}
	tcp, err := net.ResolveTCPAddr("tcp", listen)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("listen on %q: %w", listen, err)
	}
	address := tcp.AddrPort()
	address = netip.AddrPortFrom(address.Addr().Unmap(), address.Port())
	if !address.Addr().IsValid() { // no host: every address of this machine
		address = netip.AddrPortFrom(netip.IPv6Unspecified(), address.Port())
	}
	return address, nil
}

// dangers says why other machines should not reach a server, and what helps: what passes is
// to be encrypted, and who changes something to have logged in.
func dangers(config Config) []string {
	var list []string
	if config.Identity == nil {
		list = append(list, "what passes can be read and changed (serve inside TLS with --tls)")
	}
	switch {
	case config.Users == "":
		list = append(list, "nobody has to log in (name those who may with --users FILE)")
	case config.Anonymous == AnonymousReadWrite:
		list = append(list, "who has not logged in may change what is served (say --anonymous ro or off in place of --anonymous rw)")
	}
	return list
}

func features(config Config) protocol.Features {
	var f protocol.Features
	if config.ReadOnly {
		f |= protocol.FeatureReadOnly
	}
	if config.Durability == Commit {
		f |= protocol.FeatureDurable
	}
	return f
}

func agent(version string) string {
	if version == "" {
		return "ftpd"
	}
	return "ftpd/" + version
}

// Address returns where the server listens, with the real port.
func (s *Server) Address() netip.AddrPort { return s.address }

// Selector returns the kind of selector in use.
func (s *Server) Selector() selector.Kind { return s.loop.Selector() }

// Stats returns figures about the loop. Any goroutine may call it.
func (s *Server) Stats() reactor.Stats { return s.loop.Stats() }

// Serve serves until Shutdown has drained or Close was called, and gives up
// the directory then. It may be called once.
func (s *Server) Serve() error {
	return errors.Join(s.loop.Run(), s.closeAll())
}

// Reload reads the certificate and the users file again. Who is logged in as a user that is
// gone or has changed is logged out; everybody else stays. What cannot be read stays as it
// was. Any goroutine may call it.
func (s *Server) Reload() error {
	var errs [2]error
	if s.identity != nil {
		before := s.identity.Fingerprint()
		errs[0] = s.identity.Reload()
		if now := s.identity.Fingerprint(); now != before {
			s.logger.Warn("the identity has changed: clients that know the old one refuse this server", "identity", now, "before", before)
		}
	}
	if s.gate != nil {
		errs[1] = s.gate.Reload()
	}
	return errors.Join(errs[:]...)
}

// Shutdown makes Serve return once every request in flight has ended, or after
// Config.DrainTimeout. It returns at once; any goroutine may call it.
func (s *Server) Shutdown() { s.loop.Shutdown() }

// Close makes Serve return at once and cuts every connection. Any goroutine
// may call it.
func (s *Server) Close() { s.loop.Abort() }

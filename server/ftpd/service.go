//go:build unix

package main

import (
	"errors"

	"github.com/urfave/cli/v2"

	"ftpd/internal/command"
	"ftpd/server"
	"ftpd/server/systemd"
)

// service is what a service manager, such as systemd, has to do with the server.
type service struct {
	manager *systemd.Notifier // nil is none
	socket  systemd.Socket
}

// newService finds out who started the server, and puts into config what that asks for.
// An error is a wrong value of a variable.
func newService(config *server.Config) (*service, error) {
	s := &service{}
	var err error
	if s.manager, err = systemd.Notify(); err != nil {
		return nil, command.Usagef("%v", err)
	}
	if config.HeartbeatEvery, err = systemd.WatchdogPeriod(); err != nil {
		return nil, command.Usagef("%v", err)
	}
	if config.HeartbeatEvery > 0 {
		config.Heartbeat = s.manager.Alive
	}
	if s.socket, err = systemd.Listener(); err != nil {
		usage := command.Usagef("%v", err)
		usage.Hint = "give the service one socket: one ListenStream= in its .socket unit"
		return nil, usage
	}
	config.Socket = s.socket.FD
	return s, nil
}

// wrongAddress makes the error of an address that cannot be served on, or of a socket that
// was handed over.
func (s *service) wrongAddress(c *cli.Context, err error) error {
	if s.socket.FD == 0 {
		return wrong(c, "listen", "%v", err)
	}
	usage := command.Usagef("LISTEN_FDS: %q: %v", s.socket.Name, err)
	if errors.Is(err, server.ErrSocket) {
		usage.Hint = "hand over a TCP socket: ListenStream= with an address and port, and Accept=no"
	}
	return usage
}

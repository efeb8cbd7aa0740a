//go:build linux

package tools

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"

	"ftpd/bench/peers/process"
)

// pureFTPD serves a virtual user: for an anonymous one it wants a user ftp of
// the system. It refuses to work as root for anybody, and needs to be root to
// become somebody else, so that its files belong to nobody.
func pureFTPD(find *Finder) Tool {
	start := func(ctx context.Context, p Place) (*Session, error) {
		if os.Getuid() != 0 {
			return nil, errors.New("has to be started by root")
		}
		found, err := find.program(ctx, "pure-ftpd", "usr/sbin/pure-ftpd")
		if err != nil {
			return nil, err
		}
		clients, err := ftpClients(ctx, find, p, login{user: "bench:bench@"})
		if err != nil {
			return nil, err
		}
		users, err := virtualUser(ctx, found, p)
		if err != nil {
			return nil, err
		}
		address, port, err := freeAddress()
		if err != nil {
			return nil, err
		}
		c := process.Command{Line: []string{
			found.path, "--ipv4only", "--bind", "127.0.0.1," + port, "--login", "puredb:" + users, "--noanonymous",
			"--dontresolve", "--maxclientsnumber", "100", "--maxclientsperip", "100", "--umask", "133:022",
			"--syslogfacility", "none", "--pidfile", filepath.Join(p.Scratch, "pid"),
		}, Env: found.env}
		return serve(ctx, address, c, clients)
	}
	return Tool{Name: "pure-ftpd", File: fileClient, Tree: treeClient, Packages: []string{"pure-ftpd", "curl", "lftp"}, Start: start}
}

// virtual is a line of a list of virtual users, whose place is still to be named.
// The password is "bench" in the cheapest hash that crypt(3) has: pure-pw would
// take one that costs seconds of processor time for each login.
const virtual = "bench:$1$bench$IDaFocGqo.f39hZ5dc3P7.:65534:65534::%s/./::::::::::::\n"

// virtualUser makes a data base with one user and returns its path.
func virtualUser(ctx context.Context, found program, p Place) (string, error) {
	list, err := p.write("users", fmt.Sprintf(virtual, p.Root))
	if err != nil {
		return "", err
	}
	users := filepath.Join(p.Scratch, "users.pdb")
	_, err = process.Run(ctx, process.Command{Line: []string{filepath.Join(found.root, "usr/bin/pure-pw"), "mkdb", users, "-f", list}, Env: found.env})
	return users, err
}

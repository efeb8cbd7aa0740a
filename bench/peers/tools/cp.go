//go:build linux

package tools

import (
	"context"
	"os/exec"

	"ftpd/bench/peers/process"
)

// copier is cp: no server, no network, no verification, no sync.
func copier() Tool {
	start := func(_ context.Context, p Place) (*Session, error) {
		program, err := exec.LookPath("cp")
		if err != nil {
			return nil, err
		}
		copying := func(from, to string, tree bool) (process.Command, error) {
			if tree {
				return line(program, "-r", from, to)
			}
			return line(program, from, to)
		}
		return &Session{Client: func(string) Client {
			return Client{
				Put: func(c Copy) (process.Command, error) { return copying(c.Local, p.remote(c.Remote), c.Tree) },
				Get: func(c Copy) (process.Command, error) { return copying(p.remote(c.Remote), c.Local, c.Tree) },
			}
		}}, nil
	}
	return Tool{Name: Reference, File: "cp", Tree: "cp -r", Packages: []string{"coreutils"}, Start: start}
}

//go:build linux

package tools

import (
	"context"
	"os"
	"path/filepath"

	"ftpd/bench/peers/process"
)

// bare is the least that a verified copy can be (bench/bare): what the machine takes for
// the system calls alone, in the same language.
func bare(bin string) Tool {
	program := filepath.Join(bin, "bare")
	start := func(ctx context.Context, p Place) (*Session, error) {
		if _, err := os.Stat(program); err != nil {
			return nil, err
		}
		address, _, err := freeAddress()
		if err != nil {
			return nil, err
		}
		return serve(ctx, address, process.Command{Line: []string{program, "serve", p.Root, address}}, func(address string) Client {
			return Client{
				Put: func(c Copy) (process.Command, error) { return line(program, "put", address, c.Local, c.Remote) },
				Get: func(c Copy) (process.Command, error) { return line(program, "get", address, c.Remote, c.Local) },
			}
		})
	}
	return Tool{Name: Bare, File: "bare", Tree: "bare", Start: start}
}

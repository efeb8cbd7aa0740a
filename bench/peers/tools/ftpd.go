//go:build linux

package tools

import (
	"context"
	"path/filepath"

	"ftpd/bench/peers/process"
)

// ftpd is the product: bytes verified at both ends and kept under their name
// only when whole, and with durability commit on the disk before it is said so.
func ftpd(name, bin string, synced bool, flags ...string) Tool {
	return Tool{Name: name, File: "ftpc", Tree: "ftpc -r", Synced: synced, Required: true, Start: startFTPD(bin, flags, nil)}
}

// secureFTPD is the product inside TLS. The key is made when the server starts, so that no
// client can know it before.
func secureFTPD(bin string) Tool {
	start := func(ctx context.Context, p Place) (*Session, error) {
		return startFTPD(bin, []string{"--tls", "--state-dir", p.Scratch}, []string{"--tls", "--insecure"})(ctx, p)
	}
	return Tool{Name: ProductTLS, File: "ftpc --tls", FileOnly: true, Synced: true, Required: true, Start: start}
}

// startFTPD returns what starts the product with flags of its server and of its client.
func startFTPD(bin string, serverFlags, clientFlags []string) func(context.Context, Place) (*Session, error) {
	return func(ctx context.Context, p Place) (*Session, error) {
		address, _, err := freeAddress()
		if err != nil {
			return nil, err
		}
		c := process.Command{Line: append([]string{
			filepath.Join(bin, "ftpd"), "--root", p.Root, "--listen", address, "--log-level", "warn",
		}, serverFlags...)}
		return serve(ctx, address, c, func(address string) Client {
			copying := func(command, from, to string, tree bool) (process.Command, error) {
				words := append([]string{filepath.Join(bin, "ftpc"), "--server", address}, clientFlags...)
				words = append(words, command)
				if tree {
					words = append(words, "-r")
				}
				return line(append(words, from, to)...)
			}
			return Client{
				Put: func(c Copy) (process.Command, error) { return copying("put", c.Local, c.Remote, c.Tree) },
				Get: func(c Copy) (process.Command, error) { return copying("get", c.Remote, c.Local, c.Tree) },
			}
		})
	}
}

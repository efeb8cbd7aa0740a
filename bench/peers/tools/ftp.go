//go:build linux

package tools

import (
	"context"
	"fmt"
	"path/filepath"

	"ftpd/bench/peers/process"
)

// The clients of every FTP server.
const (
	fileClient = "curl"
	treeClient = "lftp -P10 mirror"
)

// login is how a client comes in.
type login struct {
	user   string // USER:PASSWORD@, or empty
	secure bool   // inside TLS, with whoever answers
}

// ftpClients finds curl and lftp, which talk to any FTP server.
func ftpClients(ctx context.Context, find *Finder, p Place, as login) (func(address string) Client, error) {
	curl, err := find.program(ctx, "curl", "usr/bin/curl")
	if err != nil {
		return nil, err
	}
	lftp, err := find.program(ctx, "lftp", "usr/bin/lftp")
	if err != nil {
		return nil, err
	}
	single := func(words ...string) process.Command {
		all := []string{curl.path, "-sS", "-f"}
		if as.secure {
			all = append(all, "--ssl-reqd", "-k")
		}
		return process.Command{Line: append(all, words...), Env: curl.env}
	}
	return func(address string) Client {
		url := "ftp://" + as.user + address
		tree := func(mirror, from, to string) process.Command {
			return process.Command{Line: []string{lftp.path, "--norc", "-c", mirrorScript(url, mirror, from, to)}, Env: lftpSettings(lftp, p)}
		}
		return Client{
			Put: func(c Copy) (process.Command, error) {
				if c.Tree {
					return tree("mirror -R -P10", c.Local, c.Remote), nil
				}
				return single("-T", c.Local, url+"/"+c.Remote), nil
			},
			Get: func(c Copy) (process.Command, error) {
				if c.Tree {
					return tree("mirror -P10", c.Remote, c.Local), nil
				}
				return single("-o", c.Local, url+"/"+c.Remote), nil
			},
		}
	}, nil
}

// mirrorScript ends when the copy does, in the foreground and with an exit
// status, which lftp does not do unless told.
func mirrorScript(url, mirror, from, to string) string {
	return fmt.Sprintf("set cmd:fail-exit yes; set cmd:move-background no; set net:max-retries 3; set ftp:ssl-allow no; open %q; %s %q %q", url, mirror, from, to)
}

// lftpSettings make an unpacked lftp find its modules, and keep the files that
// it writes of its own out of the user's home.
func lftpSettings(lftp program, p Place) []string {
	env := append([]string{"LFTP_HOME=" + filepath.Join(p.Scratch, "lftp")}, lftp.env...)
	if modules, err := filepath.Glob(filepath.Join(lftp.root, "usr/lib/*/lftp/*")); err == nil && len(modules) > 0 {
		env = append(env, "LFTP_MODULE_PATH="+modules[0])
	}
	return env
}

//go:build linux

package tools

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"

	"ftpd/bench/peers/process"
)

// sshd is scp through a server with keys that are thrown away. All bytes are
// encrypted, which no other row does.
func sshd(find *Finder) Tool {
	start := func(ctx context.Context, p Place) (*Session, error) {
		server, err := find.program(ctx, "openssh-server", "usr/sbin/sshd")
		if err != nil {
			return nil, err
		}
		scp, err := find.program(ctx, "openssh-client", "usr/bin/scp")
		if err != nil {
			return nil, err
		}
		ssh, err := find.program(ctx, "openssh-client", "usr/bin/ssh")
		if err != nil {
			return nil, err
		}
		keygen, err := find.program(ctx, "openssh-client", "usr/bin/ssh-keygen")
		if err != nil {
			return nil, err
		}
		for _, name := range []string{"host", "user"} {
			if err := makeKey(ctx, keygen, filepath.Join(p.Scratch, name)); err != nil {
				return nil, err
			}
		}
		sftp, err := sftpServer(server)
		if err != nil {
			return nil, err
		}
		address, port, err := freeAddress()
		if err != nil {
			return nil, err
		}
		config, err := p.write("sshd_config", fmt.Sprintf(sshdConfig, port, p.Scratch, p.Scratch, sftp))
		if err != nil {
			return nil, err
		}
		words, err := separated(p, []string{server.path, "-D", "-e", "-f", config})
		if err != nil {
			return nil, err
		}
		return serve(ctx, address, process.Command{Line: words, Env: server.env}, func(address string) Client { return scpClient(scp, ssh, p, address) })
	}
	return Tool{Name: "sshd", File: "scp", Tree: "scp -r", Packages: []string{"openssh-server"}, Start: start}
}

const sshdConfig = `Port %s
ListenAddress 127.0.0.1
HostKey %s/host
AuthorizedKeysFile %s/user.pub
Subsystem sftp %s
UsePAM no
StrictModes no
PermitRootLogin yes
PasswordAuthentication no
KbdInteractiveAuthentication no
PidFile none
LogLevel ERROR
`

func makeKey(ctx context.Context, keygen program, path string) error {
	if _, err := os.Stat(path); err == nil {
		return nil
	}
	_, err := process.Run(ctx, process.Command{Line: []string{keygen.path, "-q", "-t", "ed25519", "-N", "", "-f", path}, Env: keygen.env})
	return err
}

func sftpServer(server program) (string, error) {
	for _, dir := range []string{"usr/lib/openssh", "usr/libexec/openssh", "usr/lib/ssh"} {
		path := filepath.Join(server.root, dir, "sftp-server")
		if _, err := os.Stat(path); err == nil {
			return path, nil
		}
	}
	return "", errors.New("there is no sftp-server")
}

// separated makes sshd find what its package would have made: a user sshd and
// an empty directory. Root gets both for this process alone, in a mount
// namespace of its own; for another user sshd does without.
func separated(p Place, words []string) ([]string, error) {
	_, userErr := user.Lookup("sshd")
	_, dirErr := os.Stat("/run/sshd")
	if os.Getuid() != 0 || userErr == nil && dirErr == nil {
		return words, nil
	}
	unshare, err := exec.LookPath("unshare")
	if err != nil {
		return nil, fmt.Errorf("sshd wants a user sshd and /run/sshd: %w", err)
	}
	users, err := os.ReadFile("/etc/passwd")
	if err != nil {
		return nil, err
	}
	path, err := p.write("passwd", string(users)+"sshd:x:65533:65534::/run/sshd:/usr/sbin/nologin\n")
	if err != nil {
		return nil, err
	}
	if err := os.Chmod(path, 0o644); err != nil {
		return nil, err
	}
	const script = `mount --bind "$0" /etc/passwd && mount -t tmpfs none /run && mkdir -m 755 /run/sshd && exec "$@"`
	return append([]string{unshare, "--mount", "sh", "-c", script, path}, words...), nil
}

func scpClient(scp, ssh program, p Place, address string) Client {
	host, port := mustSplit(address)
	copying := func(from, to string, tree bool) process.Command {
		words := []string{
			scp.path, "-q", "-S", ssh.path, "-P", port, "-F", "none", "-i", filepath.Join(p.Scratch, "user"),
			"-o", "IdentitiesOnly=yes", "-o", "BatchMode=yes", "-o", "LogLevel=ERROR",
			"-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
		}
		if tree {
			words = append(words, "-r")
		}
		return process.Command{Line: append(words, from, to), Env: scp.env}
	}
	remote := func(path string) string { return host + ":" + p.remote(path) }
	return Client{
		Put: func(c Copy) (process.Command, error) { return copying(c.Local, remote(c.Remote), c.Tree), nil },
		Get: func(c Copy) (process.Command, error) { return copying(remote(c.Remote), c.Local, c.Tree), nil },
	}
}

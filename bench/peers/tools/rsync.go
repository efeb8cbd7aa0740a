//go:build linux

package tools

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"ftpd/bench/peers/process"
)

// rsync is rsync -a against a daemon. It keeps modes and times, writes under a
// temporary name and renames, and does not sync unless told with a flag.
func rsync(name string, find *Finder, flags ...string) Tool {
	start := func(ctx context.Context, p Place) (*Session, error) {
		found, err := find.program(ctx, "rsync", "usr/bin/rsync")
		if err != nil {
			return nil, err
		}
		for _, flag := range flags {
			if err := found.understands(ctx, flag); err != nil {
				return nil, err
			}
		}
		address, port, err := freeAddress()
		if err != nil {
			return nil, err
		}
		config, err := p.write("rsyncd.conf", rsyncConfig(p))
		if err != nil {
			return nil, err
		}
		c := process.Command{Line: []string{found.path, "--daemon", "--no-detach", "--address=127.0.0.1", "--port=" + port, "--config=" + config}, Env: found.env}
		return serve(ctx, address, c, func(address string) Client { return rsyncClient(found, address, flags) })
	}
	return Tool{
		Name: name, File: "rsync -a", Tree: "rsync -a", Packages: []string{"rsync"},
		Synced: len(flags) > 0, PutOnly: len(flags) > 0, Start: start,
	}
}

// understands looks for a flag in the help: it came with version 3.2.4.
func (p program) understands(ctx context.Context, flag string) error {
	cmd := exec.CommandContext(ctx, p.path, "--help")
	cmd.Env = append(os.Environ(), p.env...)
	out, err := cmd.Output()
	if err == nil && !strings.Contains(string(out), flag) {
		err = fmt.Errorf("%s does not know %s", p.path, flag)
	}
	return err
}

func rsyncClient(found program, address string, flags []string) Client {
	copying := func(from, to string, tree bool) process.Command {
		words := append([]string{found.path, "-a"}, flags...)
		return process.Command{Line: append(words, within(from, tree), within(to, tree)), Env: found.env}
	}
	url := func(remote string) string { return "rsync://" + address + "/all/" + remote }
	return Client{
		Put: func(c Copy) (process.Command, error) { return copying(c.Local, url(c.Remote), c.Tree), nil },
		Get: func(c Copy) (process.Command, error) { return copying(url(c.Remote), c.Local, c.Tree), nil },
	}
}

// within makes rsync copy what a directory holds, not the directory.
func within(path string, tree bool) string {
	if tree {
		return strings.TrimSuffix(path, "/") + "/"
	}
	return path
}

func rsyncConfig(p Place) string {
	text := fmt.Sprintf("use chroot = no\nreverse lookup = no\nlog file = %s/log\npid file = %s/pid\nlock file = %s/lock\n", p.Scratch, p.Scratch, p.Scratch)
	text += fmt.Sprintf("[all]\npath = %s\nread only = no\n", p.Root)
	if os.Getuid() == 0 { // it would become nobody
		text += "uid = 0\ngid = 0\n"
	}
	return text
}

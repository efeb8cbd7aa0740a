//go:build unix

package main

import (
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"ftpd/internal/trial"
)

// peer is a tool that is measured.
type peer struct {
	name string
	// start makes it ready to copy to and from root, which it serves if it has
	// a server. An errMissing leaves the peer out.
	start func(root string) (*session, error)
}

// session is a peer at work. put and get return a command line that copies a
// file or a tree between a path of this machine and one below the root; the
// directory it is copied into exists, the copy does not.
type session struct {
	put  func(local, remote string, tree bool) []string
	get  func(remote, local string, tree bool) []string
	stop func() (cpu time.Duration, err error) // of the server
}

// errMissing is a tool that is not installed.
var errMissing = errors.New("not installed")

// The tools that every other is compared with.
const (
	nameCopy  = "cp"
	nameRsync = "rsync --daemon"
)

// peers returns all tools, in the order of the tables.
func peers(bin string) []peer {
	return []peer{
		ftpd("ftpd, durability commit", bin),
		ftpd("ftpd, durability none", bin, "--durability", "none"),
		copier(),
		rsync(),
	}
}

// ftpd is the product: bytes verified at both ends and kept under their name
// only when whole, and with durability commit on the disk before it is said so.
func ftpd(name, bin string, flags ...string) peer {
	return peer{name: name, start: func(root string) (*session, error) {
		s, err := trial.StartServer(bin, root, flags...)
		if err != nil {
			return nil, err
		}
		ftpc := func(command, from, to string, tree bool) []string {
			line := []string{filepath.Join(bin, "ftpc"), "--server", s.Address, command}
			if tree {
				line = append(line, "-r")
			}
			return append(line, from, to)
		}
		return &session{
			put:  func(local, remote string, tree bool) []string { return ftpc("put", local, remote, tree) },
			get:  func(remote, local string, tree bool) []string { return ftpc("get", remote, local, tree) },
			stop: s.Stop,
		}, nil
	}}
}

// copier is cp: no server, no network, no verification, no sync.
func copier() peer {
	return peer{name: nameCopy, start: func(root string) (*session, error) {
		program, err := exec.LookPath("cp")
		if err != nil {
			return nil, errMissing
		}
		line := func(from, to string, tree bool) []string {
			if tree {
				return []string{program, "-r", from, to}
			}
			return []string{program, from, to}
		}
		return &session{
			put:  func(local, remote string, tree bool) []string { return line(local, filepath.Join(root, remote), tree) },
			get:  func(remote, local string, tree bool) []string { return line(filepath.Join(root, remote), local, tree) },
			stop: func() (time.Duration, error) { return 0, nil },
		}, nil
	}}
}

// within makes rsync copy what a directory holds, not the directory.
func within(path string, tree bool) string {
	if tree {
		return strings.TrimSuffix(path, "/") + "/"
	}
	return path
}

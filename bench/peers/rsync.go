//go:build unix

package main

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"ftpd/internal/trial"
)

// rsync is rsync -a against a daemon on a loopback port. It keeps modes and
// times, writes under a temporary name and renames, and does not sync.
func rsync() peer {
	return peer{name: nameRsync, start: func(root string) (*session, error) {
		program, err := exec.LookPath("rsync")
		if err != nil {
			return nil, errMissing
		}
		dir, err := os.MkdirTemp("", "peers-rsync-")
		if err != nil {
			return nil, err
		}
		daemon, address, err := startRsync(program, dir, root)
		if err != nil {
			return nil, errors.Join(err, os.RemoveAll(dir))
		}
		url := func(remote string) string { return "rsync://" + address + "/all/" + remote }
		return &session{
			put: func(local, remote string, tree bool) []string {
				return []string{program, "-a", within(local, tree), within(url(remote), tree)}
			},
			get: func(remote, local string, tree bool) []string {
				return []string{program, "-a", within(url(remote), tree), within(local, tree)}
			},
			stop: func() (time.Duration, error) {
				cpu, err := daemon.Stop()
				if _, ok := errors.AsType[*exec.ExitError](err); ok {
					err = nil // a signal is no regular end to it
				}
				return cpu, errors.Join(err, os.RemoveAll(dir))
			},
		}, nil
	}}
}

// startRsync runs the daemon, with all its own files in dir.
func startRsync(program, dir, root string) (*trial.Daemon, string, error) {
	config := filepath.Join(dir, "rsyncd.conf")
	if err := os.WriteFile(config, []byte(rsyncConfig(dir, root)), 0o600); err != nil {
		return nil, "", err
	}
	address, err := freeAddress()
	if err != nil {
		return nil, "", err
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return nil, "", err
	}
	daemon, err := trial.StartDaemon(program, "--daemon", "--no-detach", "--address=127.0.0.1", "--port="+port, "--config="+config)
	if err != nil {
		return nil, "", err
	}
	if err := accepting(address); err != nil {
		_, stopErr := daemon.Stop()
		return nil, "", errors.Join(err, stopErr)
	}
	return daemon, address, nil
}

func rsyncConfig(dir, root string) string {
	text := fmt.Sprintf("use chroot = no\nlog file = %s/log\npid file = %s/pid\nlock file = %s/lock\n", dir, dir, dir)
	text += fmt.Sprintf("[all]\npath = %s\nread only = no\n", root)
	if id := os.Getuid(); id == 0 { // it would become nobody
		text += "uid = " + strconv.Itoa(id) + "\ngid = " + strconv.Itoa(os.Getgid()) + "\n"
	}
	return text
}

// freeAddress returns one that nobody listens on. Another process may take it
// first; the daemon then ends, and the run with it.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return l.Addr().String(), l.Close()
}

// accepting waits until somebody listens.
func accepting(address string) error {
	var err error
	for deadline := time.Now().Add(10 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		var conn net.Conn
		if conn, err = net.Dial("tcp", address); err == nil {
			return conn.Close()
		}
	}
	return err
}

//go:build unix

package main

import (
	"bytes"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"ftpd/protocol"
)

// refusesWith runs ftpc, which must end with a status and an error.
func refusesWith(t *testing.T, dir, address string, want status, stderr string, args ...string) {
	t.Helper()
	cmd := quietCommand(t, address, args...)
	cmd.Dir = dir
	_ = cmd.Run() // what it returns is checked as the status
	if got := cmd.ProcessState.ExitCode(); got != int(want) {
		t.Errorf("%q: status %d, want %d", args, got, want)
	}
	stderr = strings.ReplaceAll(stderr, "ADDRESS", address)
	if got := cmd.Stderr.(*bytes.Buffer).String(); got != stderr {
		t.Errorf("%q: standard error has %q, want %q", args, got, stderr)
	}
}

// A server that ends while it is greeted is no fault of the network's or of
// the server's: another try may help.
func TestGreetingCutShort(t *testing.T) {
	away := protocol.Goaway{Code: protocol.ShuttingDown, Message: "the server is shutting down"}
	for answer, want := range map[string]string{
		string(protocol.Append(nil, 0, away)): "ftpc: ls: ADDRESS is shutting down\nhint: run the same command again later\n",
		"":                                    "ftpc: ls: cannot reach ADDRESS: the server closed the connection\n",
	} {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		check(t, err)
		t.Cleanup(func() { _ = listener.Close() })
		go func() {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			_, _ = conn.Read(make([]byte, 1<<10)) // HELLO: what is unread would make the end a reset
			_, _ = conn.Write([]byte(answer))
			_ = conn.Close()
		}()
		refusesWith(t, t.TempDir(), listener.Addr().String(), statusNetwork, want, "ls")
	}
}

// A directory in the way here matters only where a file would come.
func TestDirectoryInTheWay(t *testing.T) {
	root, address := serveTemp(t)
	check(t, os.Mkdir(filepath.Join(root, "tree"), 0o777))
	check(t, os.WriteFile(filepath.Join(root, "file"), nil, 0o666))
	dir := t.TempDir()
	for _, name := range []string{"tree", "file", "missing"} {
		check(t, os.Mkdir(filepath.Join(dir, name), 0o777))
	}
	const (
		isTree = "ftpc: get tree: is a directory on ADDRESS\nhint: -r gets a directory with all it holds\n"
		inWay  = "ftpc: get file: is a directory here\nhint: -d file gets into that directory\n"
	)
	refusesWith(t, dir, address, statusOther, isTree, "get", "tree")
	refusesWith(t, dir, address, statusOther, isTree, "get", "tree", "file")
	refusesWith(t, dir, address, statusLocal, inWay, "get", "file")
	refusesWith(t, dir, address, statusNotFound, "ftpc: get missing: not found on ADDRESS\n", "get", "missing")
}

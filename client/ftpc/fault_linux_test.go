package main

import (
	"bytes"
	"encoding/binary"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"golang.org/x/sys/unix"

	"ftpd/protocol"
)

// relayThrough hands what a server sends to a function before the client gets
// it, on every connection. The function's error ends the connection.
func relayThrough(t *testing.T, address string, alter func([]byte) error) string {
	t.Helper()
	return acceptEach(t, func(near net.Conn) { relay(near, address, alter) })
}

func relay(near net.Conn, address string, alter func([]byte) error) {
	defer near.Close()
	far, err := net.Dial("tcp", address)
	if err != nil {
		return
	}
	defer far.Close()
	go func() { _, _ = io.Copy(far, near) }()
	buffer := make([]byte, 64<<10)
	for {
		n, err := far.Read(buffer)
		if alter(buffer[:n]) != nil || err != nil {
			return
		}
		if _, err := near.Write(buffer[:n]); err != nil {
			return
		}
	}
}

// reseal gives the frames in b, which begins with one, the checks of what they are
// now: as if the server had sent that.
func reseal(b []byte) {
	for len(b) >= protocol.HeaderLen {
		end := min(len(b), protocol.HeaderLen+int(binary.BigEndian.Uint32(b[8:])))
		protocol.Seal(b[:end])
		b = b[end:]
	}
}

// A file that arrives damaged every time is not stored, and ends with 7.
func TestDamagedFile(t *testing.T) {
	root, address := serveTemp(t)
	check(t, os.WriteFile(filepath.Join(root, "big"), bytes.Repeat([]byte("marker "), 1<<20), 0o666))
	address = relayThrough(t, address, func(b []byte) error {
		if i := bytes.Index(b, []byte("marker marker")); i >= 0 {
			b[i] = 'M'
		}
		return nil
	})
	cmd := quietCommand(t, address, "get", "big")
	_ = cmd.Run() // what it returns is checked as the status
	wantEnd(t, cmd.ProcessState.ExitCode(), statusIntegrity, cmd.Stderr, `^ftpc: get big: .*\nhint: run the same command again\n$`)
	wantNothing(t, cmd.Dir)
}

// A connection that breaks off for good ends with 5 and leaves nothing.
func TestLostConnection(t *testing.T) {
	root, address := serveTemp(t)
	check(t, os.WriteFile(filepath.Join(root, "big"), make([]byte, 4<<20), 0o666))
	address = relayThrough(t, address, func(b []byte) error {
		if len(b) > 1<<10 {
			return io.ErrUnexpectedEOF
		}
		return nil
	})
	cmd := quietCommand(t, address, "get", "big")
	_ = cmd.Run() // what it returns is checked as the status
	wantEnd(t, cmd.ProcessState.ExitCode(), statusNetwork, cmd.Stderr, `^ftpc: get big: lost the connection to .*\nhint: run the same command again\n$`)
	wantNothing(t, cmd.Dir)
}

// Where the first run made the target, the same command would go elsewhere.
func TestLostConnectionInATree(t *testing.T) {
	root, address := serveTemp(t)
	check(t, os.Mkdir(filepath.Join(root, "many"), 0o777))
	check(t, os.WriteFile(filepath.Join(root, "many", "big"), make([]byte, 4<<20), 0o666))
	address = relayThrough(t, address, func(b []byte) error {
		if len(b) > 1<<10 {
			return io.ErrUnexpectedEOF
		}
		return nil
	})
	for _, tt := range []struct{ args, hint string }{
		{"get -r many m9", `ftpc mirror ftpd://127\.0\.0\.1:\d+/many m9 goes on; the same command would now copy into m9/many`},
		{"get -r many", "run the same command again"},
		{"get -r many -d m9", "run the same command again"},
	} {
		cmd := quietCommand(t, address, strings.Fields(tt.args)...)
		_ = cmd.Run() // what it returns is checked as the status
		wantEnd(t, cmd.ProcessState.ExitCode(), statusNetwork, cmd.Stderr, `: lost the connection to .*\nhint: `+tt.hint+`\n$`)
	}
}

// A server whose disk is full says so, and keeps nothing of the file.
func TestFullServer(t *testing.T) {
	root := t.TempDir()
	if err := unix.Mount("tmpfs", root, "tmpfs", 0, "size=2m"); err != nil {
		t.Skipf("no small file system: %v", err)
	}
	t.Cleanup(func() { check(t, unix.Unmount(root, 0)) })
	address, stop, err := startServer(root)
	check(t, err)
	t.Cleanup(func() { check(t, stop()) })
	cmd := quietCommand(t, address, "put", "big")
	check(t, os.WriteFile(filepath.Join(cmd.Dir, "big"), make([]byte, 4<<20), 0o666))
	_ = cmd.Run() // what it returns is checked as the status
	wantEnd(t, cmd.ProcessState.ExitCode(), statusOther, cmd.Stderr, `^ftpc: put big: no space left on 127\.0\.0\.1:\d+\n$`)
	wantNothing(t, root)
}

func wantEnd(t *testing.T, code int, want status, stderr io.Writer, pattern string) {
	t.Helper()
	if code != int(want) {
		t.Errorf("status %d, want %d", code, want)
	}
	text := stderr.(*bytes.Buffer).String()
	if !regexp.MustCompile(pattern).MatchString(text) || strings.Contains(text, "\x1b") {
		t.Errorf("standard error has %q", text)
	}
}

//go:build unix

package main

import (
	"bytes"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"ftpd/protocol"
)

// evilText is what a server says where a name or a sentence belongs.
const evilText = "\x1b]0;owned\x07\x1b[2J\x9bevil\nftpc: forged\r\u202e"

// hostileServer answers each frame of each client by a script, and returns its
// address.
func hostileServer(t *testing.T, answer func(f protocol.Frame) []byte) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go serveHostile(conn, answer)
		}
	}()
	return listener.Addr().String()
}

func serveHostile(conn net.Conn, answer func(f protocol.Frame) []byte) {
	defer conn.Close()
	d := protocol.NewDecoder(protocol.Client)
	d.Attach(make([]byte, protocol.BlockBuffer))
	for {
		f, ok, err := d.Next()
		switch {
		case err != nil:
			return
		case ok && f.Opcode == protocol.OpHello:
			welcome := protocol.Welcome{InFlight: 64, BlockSize: protocol.BlockSize, Agent: evilText}
			_, err = conn.Write(protocol.Append(nil, 0, welcome))
		case ok && f.Opcode == protocol.OpBye:
			return
		case ok:
			_, err = conn.Write(answer(f))
		default:
			var n int
			n, err = conn.Read(d.Space())
			d.Advance(n)
		}
		if err != nil {
			return
		}
	}
}

// evilEntries are names that would lead out of a directory, or command a terminal.
func evilEntries(kind protocol.Kind) (m protocol.Entries) {
	for _, name := range []string{"../canary", "/canary", "..", "a/../../canary", "nul\x00", "", "x/" + evilText, evilText} {
		m.List = append(m.List, protocol.Entry{Path: name, Meta: protocol.Meta{Kind: kind, Mode: 0o777, Target: "../canary", ETag: 1}})
	}
	return m
}

// evilAnswers is a server that lies as well as it can about directories and files,
// and says so in words that command a terminal.
func evilAnswers(f protocol.Frame) []byte {
	id := f.Request
	switch f.Opcode {
	case protocol.OpStat:
		return protocol.Append(nil, id, protocol.Meta{Kind: protocol.Directory, Mode: 0o777, Target: evilText, ETag: 1})
	case protocol.OpList:
		m := evilEntries(protocol.File)
		m.List = append(m.List, evilEntries(protocol.Directory).List...)
		m.List = append(m.List, evilEntries(protocol.Symlink).List...)
		return protocol.Append(protocol.Append(nil, id, m), id, protocol.OK{Count: uint64(len(m.List))})
	case protocol.OpPing, protocol.OpCancel, protocol.OpData:
		return nil
	}
	return protocol.Append(nil, id, protocol.Error{Code: protocol.IO, Message: evilText})
}

// Whatever a server names and says, ftpc writes nothing beside where it was told to,
// its errors command no terminal, and it ends with an error of its own.
func TestHostileServer(t *testing.T) {
	address := hostileServer(t, evilAnswers)
	for _, args := range [][]string{
		{"get", "f"}, {"get", "-r", "d"}, {"get", "-r", "d", "e"}, {"get", "-r", "--links", "copy", "d", "e"}, {"get", "-d", "e", "*"},
		{"put", "canary", "f"}, {"put", "-r", "dir", "f"}, {"ls", "-lR"}, {"ls", "-lR", "--json"}, {"stat", "f"}, {"rm", "f"}, {"rm", "-r", "f"}, {"mv", "a", "b"},
		{"mkdir", "-p", "a"}, {"sum", "f"}, {"mirror", "ftpd://" + address + "/d", "e"}, {"mirror", "--delete", "dir", "ftpd://" + address + "/d"},
	} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			parent := t.TempDir()
			dir := filepath.Join(parent, "here")
			check(t, errors.Join(os.MkdirAll(filepath.Join(dir, "dir"), 0o755), os.WriteFile(filepath.Join(dir, "canary"), []byte("alive"), 0o600),
				os.WriteFile(filepath.Join(parent, "canary"), []byte("alive"), 0o600)))
			cmd := quietCommand(t, address, args...)
			cmd.Dir = dir
			_ = cmd.Run() // what it returns is checked as the status
			said := cmd.Stderr.(*bytes.Buffer).String()
			if code := cmd.ProcessState.ExitCode(); code < 0 || code == 2 || strings.Contains(said, "goroutine ") {
				t.Errorf("status %d: %s", code, said)
			}
			if strings.ContainsFunc(said, func(r rune) bool { return r < ' ' && r != '\n' || r == 0x9b || r == '\u202e' }) || strings.Contains(said, "\nftpc: forged") {
				t.Errorf("standard error commands the terminal: %q", said)
			}
			wantOnly(t, parent, "canary", "here")
			for _, path := range []string{filepath.Join(parent, "canary"), filepath.Join(dir, "canary")} {
				if b, err := os.ReadFile(path); err != nil || string(b) != "alive" {
					t.Errorf("%s is %q, %v", path, b, err)
				}
			}
		})
	}
}

func wantOnly(t *testing.T, dir string, names ...string) {
	t.Helper()
	list, err := os.ReadDir(dir)
	check(t, err)
	if len(list) != len(names) {
		t.Errorf("%s holds %v, not %q", dir, list, names)
	}
}

// endless answers LIST with entries for ever, STAT with a directory, GET with a file
// of 2^63-1 bytes whose blocks never end; each frame of the client brings one more.
func endless(conn net.Conn) {
	defer conn.Close()
	d := protocol.NewDecoder(protocol.Client)
	d.Attach(make([]byte, protocol.BlockBuffer))
	block := make([]byte, protocol.BlockSize)
	digest := protocol.BlockDigest(block)
	_, err := conn.Write(protocol.Append(nil, 0, protocol.Welcome{InFlight: 64, BlockSize: protocol.BlockSize}))
	for err == nil {
		f, ok, _ := d.Next()
		if !ok {
			var n int
			n, err = conn.Read(d.Space())
			d.Advance(n)
			continue
		}
		switch f.Opcode {
		case protocol.OpStat:
			_, err = conn.Write(protocol.Append(nil, f.Request, protocol.Meta{Kind: protocol.Directory, Mode: 0o777, ETag: 1}))
		case protocol.OpList:
			for i := 0; err == nil; i++ {
				var m protocol.Entries
				for k := range 500 {
					name := strconv.Itoa(500*i + k)
					m.List = append(m.List, protocol.Entry{Path: name, Meta: protocol.Meta{Kind: protocol.Directory, ETag: 1}})
				}
				_, err = conn.Write(protocol.Append(nil, f.Request, m))
			}
		case protocol.OpGet:
			_, err = conn.Write(protocol.Append(nil, f.Request, protocol.Meta{Kind: protocol.File, Size: protocol.MaxFileSize, ETag: 1}))
			for offset := uint64(0); err == nil; offset += protocol.BlockSize {
				_, err = conn.Write(protocol.Append(nil, f.Request, protocol.Data{Offset: offset, Digest: digest, Bytes: block}))
			}
		}
	}
}

// What never ends is ended by an interrupt, at once.
func TestEndlessAnswers(t *testing.T) {
	for _, args := range [][]string{{"ls", "-R"}, {"get", "f", "-"}, {"get", "-r", "d"}, {"ls", "*"}} {
		t.Run(strings.Join(args, " "), func(t *testing.T) {
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			check(t, err)
			defer listener.Close()
			sent := make(chan struct{}, 1)
			go func() {
				for {
					conn, err := listener.Accept()
					if err != nil {
						return
					}
					go endless(&counted{Conn: conn, sent: sent})
				}
			}()
			cmd := quietCommand(t, listener.Addr().String(), args...)
			check(t, cmd.Start())
			ended := make(chan struct{})
			go func() {
				_ = cmd.Wait() // the status tells
				close(ended)
			}()
			select {
			case <-sent:
				_ = cmd.Process.Signal(syscall.SIGINT)
			case <-ended:
			}
			wantEndSoon(cmd, ended)
			if code := cmd.ProcessState.ExitCode(); code != int(statusInterrupted) {
				t.Errorf("status %d: %s", code, cmd.Stderr)
			}
		})
	}
}

// counted tells once so much was written that it will not end by itself.
type counted struct {
	net.Conn
	sent    chan<- struct{}
	written int
}

func (c *counted) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	if c.written += n; c.written > 4<<20 {
		select {
		case c.sent <- struct{}{}:
		default:
		}
	}
	return n, err
}

// wantEndSoon waits for a program, and kills one that hangs.
func wantEndSoon(cmd *exec.Cmd, ended <-chan struct{}) {
	late := time.AfterFunc(time.Minute, func() { _ = cmd.Process.Kill() })
	defer late.Stop()
	<-ended
}

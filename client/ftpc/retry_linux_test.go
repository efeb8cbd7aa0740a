package main

import (
	"bytes"
	"encoding/json"
	"io"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"

	"ftpd/internal/trial"
	"ftpd/protocol"
)

// cutOnce relays to a server, and cuts the first connection after so many bytes.
func cutOnce(t *testing.T, address string, after int64) string {
	t.Helper()
	r, err := trial.NewRelay(address)
	check(t, err)
	t.Cleanup(r.Close)
	r.CutAfter(after, func() { go r.CutAfter(0, nil) })
	return r.Address()
}

// A transfer goes on over another connection, and says so once, in the way that
// was asked for.
func TestGoesOn(t *testing.T) {
	root, address := serveTemp(t)
	const size = 8<<20 + 1
	content := blocksOf(t, filepath.Join(root, "big"), size)
	for _, tt := range []struct{ args, stderr, stdout string }{
		{"get big", `^ftpc: get: lost the connection to [\d.:]+: [^\n]*; connecting again\n$`, `^$`},
		{"-q get big", `^$`, `^$`},
		{"put big copy", `^ftpc: put: lost the connection to [\d.:]+: [^\n]*; connecting again\n$`, `^$`},
		{
			"get --json -q big", `^$`,
			`^{"type":"retry","op":"get","attempt":1,"wait":0\.\d+,"error":{"status":5,"message":"lost the connection to [^"]*"}}\n{"type":"file".*\n{"type":"summary".*\n$`,
		},
	} {
		cmd := quietCommand(t, cutOnce(t, address, size/2), append([]string{"--retries=1"}, strings.Fields(tt.args)...)...)
		if strings.HasPrefix(tt.args, "put") {
			check(t, os.WriteFile(filepath.Join(cmd.Dir, "big"), content, 0o666))
		}
		cmd.Stdout = new(bytes.Buffer)
		_ = cmd.Run() // what it returns is checked as the status
		wantEnd(t, cmd.ProcessState.ExitCode(), statusDone, cmd.Stderr, tt.stderr)
		if out := cmd.Stdout.(*bytes.Buffer).String(); !regexp.MustCompile(tt.stdout).MatchString(out) {
			t.Errorf("%s: %q", tt.args, out)
		}
		wantFile(t, filepath.Join(cmd.Dir, "big"), content)
	}
	wantFile(t, filepath.Join(root, "copy"), content)
}

// When the retries are used up, the last reason is told with what is there to go
// on with.
func TestRetriesUsedUp(t *testing.T) {
	root := t.TempDir()
	address, stop, err := startServer(root)
	check(t, err)
	blocksOf(t, filepath.Join(root, "big"), 8<<20)
	r, err := trial.NewRelay(address)
	check(t, err)
	r.CutAfter(4<<20, func() { go r.Close() })
	cmd := quietCommand(t, r.Address(), "--retries", "2", "get", "big")
	_ = cmd.Run() // what it returns is checked as the status
	wantEnd(t, cmd.ProcessState.ExitCode(), statusNetwork, cmd.Stderr,
		`^ftpc: get: lost the connection to [^\n]*; connecting again\nftpc: get big: no server answers at [^\n]*\nhint: run the same command again: it goes on behind the [^\n]* in \.big\.ftpc-part\n$`)
	check(t, stop())
}

// Ctrl-C does not wait for the next attempt.
func TestInterruptedWhileWaiting(t *testing.T) {
	root, address := serveTemp(t)
	blocksOf(t, filepath.Join(root, "big"), 8<<20)
	r, err := trial.NewRelay(address)
	check(t, err)
	r.CutAfter(4<<20, func() { go r.Close() })
	cmd := quietCommand(t, r.Address(), "--retries", "1000", "get", "big")
	cmd.Stderr = nil
	stderr, err := cmd.StderrPipe()
	check(t, err)
	check(t, cmd.Start())
	line := make([]byte, 1<<10)
	if n, err := stderr.Read(line); err != nil || !strings.Contains(string(line[:n]), "connecting again") {
		t.Errorf("%q, %v", line[:n], err)
	}
	check(t, cmd.Process.Signal(os.Interrupt))
	said, err := io.ReadAll(stderr)
	check(t, err)
	_ = cmd.Wait() // what it returns is checked as the status
	wantEnd(t, cmd.ProcessState.ExitCode(), statusInterrupted, bytes.NewBuffer(said), `^ftpc: get big: interrupted\nhint: .*\n$`)
}

// losesOK relays to a server, and loses the connection in place of the first OK.
func losesOK(t *testing.T, address string) string {
	t.Helper()
	var lost atomic.Bool
	return relayThrough(t, address, func(b []byte) error {
		if len(b) > 1 && protocol.Opcode(b[1]) == protocol.OpOK && lost.CompareAndSwap(false, true) {
			return io.ErrUnexpectedEOF
		}
		return nil
	})
}

// A change whose answer was lost is not reported as what it is not.
func TestLostAnswer(t *testing.T) {
	unknown := func(what string) string {
		return `^ftpc: ` + what + `: lost the connection to [^\n]*; it may have been done\nhint: look with ftpc ls before you try again\n$`
	}
	const again = `^ftpc: \w+: lost the connection to [^\n]*; connecting again\n$`
	for _, tt := range []struct {
		args   string
		status status
		stderr string
		left   string // of a, d/e and f
	}{
		{"rm a", statusDone, again, "d f"},
		{"rm -r d", statusDone, again, "a f"},
		{"rm a f", statusDone, again, "d"},
		{"mv a b", statusNetwork, unknown("mv a"), "b d f"},
		{"mkdir x", statusNetwork, unknown("mkdir x"), "a d f x"},
		{"mkdir -p x", statusDone, again, "a d f x"},
		{"put - x", statusNetwork, `lost the connection`, "a d f x"},
	} {
		root, address := serveTemp(t)
		for _, name := range []string{"a", "d/e", "f"} {
			check(t, os.MkdirAll(filepath.Dir(filepath.Join(root, name)), 0o777))
			check(t, os.WriteFile(filepath.Join(root, name), []byte(name), 0o666))
		}
		cmd := quietCommand(t, losesOK(t, address), append([]string{"--retries", "2"}, strings.Fields(tt.args)...)...)
		cmd.Stdin = strings.NewReader("content")
		_ = cmd.Run() // what it returns is checked as the status
		wantEnd(t, cmd.ProcessState.ExitCode(), tt.status, cmd.Stderr, tt.stderr)
		entries, err := os.ReadDir(root)
		check(t, err)
		var left []string
		for _, e := range entries {
			if !strings.HasPrefix(e.Name(), ".") {
				left = append(left, e.Name())
			}
		}
		if got := strings.Join(left, " "); got != tt.left {
			t.Errorf("%s: %s are left", tt.args, got)
		}
	}
}

// A server that has no room just now is asked again.
func TestBusyServer(t *testing.T) {
	_, address := serveTemp(t)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for first := true; ; first = false {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			if first {
				_, _ = conn.Read(make([]byte, 1<<10)) // HELLO: what is unread would make the end a reset
				_, _ = conn.Write(protocol.Append(nil, 0, protocol.Error{Code: protocol.Busy, Retry: true, Message: "full"}))
				_ = conn.Close()
				continue
			}
			go relay(conn, address, func([]byte) error { return nil })
		}
	}()
	cmd := quietCommand(t, listener.Addr().String(), "--retries", "1", "ls", "--json")
	cmd.Stdout = new(bytes.Buffer)
	_ = cmd.Run() // what it returns is checked as the status
	wantEnd(t, cmd.ProcessState.ExitCode(), statusDone, cmd.Stderr, `^ftpc: ls: full \([^\n]*\); connecting again\n$`)
	var record retryRecord
	if err := json.NewDecoder(cmd.Stdout.(*bytes.Buffer)).Decode(&record); err != nil || record.Type != "retry" || record.Error.Status != statusNetwork {
		t.Errorf("%+v, %v", record, err)
	}
}

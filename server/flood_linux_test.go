package server

import (
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"

	"ftpd/protocol"
)

const (
	guessers       = 40  // addresses that a flood of logins comes from
	guesserConns   = 4   // connections of each
	mostForGuesses = 300 // MiB of memory: two passwords at once, and what else a server takes
)

// TestLoginFlood has wrong passwords come without a pause from more connections than may
// wait. Once each address has failed, who has not gets in at the first try, is served, and
// memory is that of the few passwords that are hashed at once.
func TestLoginFlood(t *testing.T) {
	needsPlain(t)
	p := populate(t)
	p.add("alice", "sesame")
	d := run(t, t.TempDir(), "--users", p.file, "--login-failures", "0")
	inside := mustAs(t, d, "alice", "sesame")
	put(t, inside, "f", "content")
	flood := &flood{address: d.address, failed: map[string]bool{}, all: make(chan struct{})}
	defer flood.end()
	for i := range guessers * guesserConns {
		if err := flood.begin(net.IPv4(127, 0, 1, byte(1+i%guessers))); err != nil {
			t.Fatal(err)
		}
	}
	<-flood.all
	for i := range 10 {
		c, err := as(t, d, "alice", "sesame")
		if err != nil {
			t.Fatalf("login %d: %v", i, err)
		}
		put(t, c, fmt.Sprint(i), "content")
		if get(t, inside, "f") != "content" {
			t.Error("who was inside is not served")
		}
	}
	if flood.turnedAway() == 0 {
		t.Error("the flood has never filled the line")
	}
	if got := highWater(t, d.cmd.Process.Pid); got > mostForGuesses {
		t.Errorf("the server has taken %d MiB", got)
	}
}

// flood is connections that guess.
type flood struct {
	address string
	group   sync.WaitGroup

	mu     sync.Mutex
	conns  []net.Conn
	busy   int             // guesses that found no place in the line
	failed map[string]bool // addresses
	all    chan struct{}   // closed when each of them has failed
}

// begin connects from an address of this machine and guesses until end.
func (f *flood) begin(from net.IP) error {
	d := net.Dialer{LocalAddr: &net.TCPAddr{IP: from}}
	conn, err := d.Dial("tcp", f.address)
	if err != nil {
		return err
	}
	f.mu.Lock()
	f.conns = append(f.conns, conn)
	f.mu.Unlock()
	f.group.Go(func() { f.guess(conn) })
	return nil
}

func (f *flood) guess(conn net.Conn) {
	decoder := protocol.NewDecoder(protocol.Server)
	decoder.Attach(make([]byte, protocol.ControlBuffer))
	next := protocol.Append(nil, 0, protocol.Hello{InFlight: 4, Agent: "guesser"})
	for {
		if _, err := conn.Write(next); err != nil {
			return
		}
		frame, err := nextFrame(conn, &decoder)
		if err != nil {
			return
		}
		if m, err := protocol.Decode[protocol.Error](frame); err == nil {
			f.note(conn, m.Code)
		}
		next = protocol.Append(nil, 1, protocol.Authenticate{Method: protocol.Password, User: "alice", Credential: []byte("wrong")})
	}
}

// note keeps what a guess came to.
func (f *flood) note(conn net.Conn, code protocol.Code) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch code {
	case protocol.Busy:
		f.busy++
	case protocol.Auth:
		before := len(f.failed)
		f.failed[conn.LocalAddr().(*net.TCPAddr).IP.String()] = true
		if len(f.failed) == guessers && before < guessers {
			close(f.all)
		}
	}
}

func nextFrame(conn net.Conn, decoder *protocol.Decoder) (protocol.Frame, error) {
	for {
		frame, ok, err := decoder.Next()
		if ok || err != nil {
			return frame, err
		}
		n, err := conn.Read(decoder.Space())
		if err != nil {
			return frame, err
		}
		decoder.Advance(n)
	}
}

// turnedAway returns how many guesses found no place in the line.
func (f *flood) turnedAway() int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.busy
}

func (f *flood) end() {
	for _, conn := range f.conns {
		_ = conn.Close()
	}
	f.group.Wait()
}

// highWater returns the most memory that a process has had resident, in MiB.
func highWater(t *testing.T, pid int) int {
	t.Helper()
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	kib, err := strconv.Atoi(strings.Fields(rest)[0])
	if err != nil {
		t.Fatal(err)
	}
	return kib >> 10
}

//go:build unix

package reactor_test

import (
	"bytes"
	"log/slog"
	"net"
	"net/netip"
	"runtime"
	"testing"
	"time"

	"ftpd/server/reactor"
)

// goroutine names the one that it is called on: the first line of its stack.
func goroutine() string {
	stack := make([]byte, 64)
	line, _, _ := bytes.Cut(stack[:runtime.Stack(stack, false)], []byte(" ["))
	return string(line)
}

// where is a session that tells which goroutine makes it, and ends at once.
func where(made chan<- string) func(reactor.Peer) reactor.Session {
	return func(reactor.Peer) reactor.Session {
		made <- goroutine()
		return &echo{config: &echoConfig{}, closed: make(chan reactor.Reason, 1)}
	}
}

// TestHeartbeat: it is the loop itself whose heart beats, again and again, though nobody
// is connected. One that beat beside it would tell of a stuck loop that it is well.
func TestHeartbeat(t *testing.T) {
	beats, made := make(chan string, 4), make(chan string, 1)
	fd, address, err := reactor.Listen(netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		t.Fatal(err)
	}
	loop, err := reactor.New(fd, reactor.Config{
		NewSession:     where(made),
		Logger:         slog.New(slog.DiscardHandler),
		HeartbeatEvery: time.Millisecond,
		Heartbeat: func() {
			select {
			case beats <- goroutine():
			default:
			}
		},
	})
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error, 1)
	go func() { done <- loop.Run() }()
	conn, err := net.Dial("tcp", address.String())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	sessions := <-made
	for range 10 {
		select {
		case beat := <-beats:
			if beat != sessions {
				t.Errorf("sessions are made on %s, and the heart beats on %s", sessions, beat)
			}
		case <-time.After(10 * time.Second):
			t.Fatal("the heart beats no more")
		}
	}
	loop.Abort()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

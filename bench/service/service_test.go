//go:build linux

package main

import (
	"bufio"
	"context"
	"io"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"ftpd/protocol"
)

// served starts the server of -stat in this process and returns its address.
func served(t *testing.T) string {
	t.Helper()
	root := t.TempDir()
	if err := makeFiles(root); err != nil {
		t.Fatal(err)
	}
	stdin, end := io.Pipe()
	out, said := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- serve(root, stdin, said) }()
	t.Cleanup(func() {
		end.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(address)
}

// TestConnections has connections get a file and stat one, as the measurements do.
func TestConnections(t *testing.T) {
	address := served(t)
	conns, err := open(address, 70)
	if err == nil { // there is no file f
		t.Error("a file that is not there was downloaded")
	}
	for _, c := range conns {
		c.Close()
	}
	c, err := dial(address, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if err := c.get(smallFile); err != nil {
		t.Error(err)
	}
	times, err := c.stats(context.Background(), 50*time.Millisecond)
	if err != nil || len(times) == 0 || slices.Min(times) <= 0 {
		t.Errorf("%d stats, %v", len(times), err)
	}
}

// TestFlood has downloads under way that do not end.
func TestFlood(t *testing.T) {
	address := served(t)
	c, err := dial(address, 0)
	if err != nil {
		t.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- c.flood(largeFile) }()
	other, err := dial(address, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer other.Close()
	if _, err := other.stats(context.Background(), 50*time.Millisecond); err != nil {
		t.Error(err)
	}
	select {
	case err := <-ended:
		t.Errorf("the download has ended: %v", err)
	default:
	}
	c.Close()
	if err := <-ended; err == nil {
		t.Error("a download goes on without its connection")
	}
}

func TestExchangeTellsErrors(t *testing.T) {
	c, err := dial(served(t), 0)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_, err = c.exchange(protocol.Append(nil, 1, protocol.Stat{Path: "nope"}), protocol.OpMeta)
	if err == nil || !strings.Contains(err.Error(), "not_found") {
		t.Errorf("got %v", err)
	}
}

func TestArguments(t *testing.T) {
	for _, args := range []string{"", "-idle ,", "-idle 0", "-idle 10,x"} {
		if err := run(context.Background(), strings.Fields(args), io.Discard); err == nil {
			t.Errorf("%q was accepted", args)
		}
	}
	if counts, err := parseCounts("1, 20"); err != nil || !slices.Equal(counts, []int{1, 20}) {
		t.Errorf("%d, %v", counts, err)
	}
}

// TestEcho has the control answer.
func TestEcho(t *testing.T) {
	stdin, end := io.Pipe()
	out, said := io.Pipe()
	done := make(chan error, 1)
	go func() { done <- echo(stdin, said) }()
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	c, err := net.Dial("tcp", strings.TrimSpace(address))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	got := make([]byte, 1)
	if _, err := c.Write([]byte("y")); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, got); err != nil || got[0] != 'y' {
		t.Errorf("%q, %v", got, err)
	}
	end.Close()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

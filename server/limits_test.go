//go:build unix

package server

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"ftpd/client"
	"ftpd/protocol"
)

// dialFrom connects from an address of this machine, and tries once.
func dialFrom(t *testing.T, source, address string) (*client.Client, error) {
	t.Helper()
	local := &net.Dialer{LocalAddr: &net.TCPAddr{IP: net.ParseIP(source)}}
	c, err := client.Dial(t.Context(), address, dialing(client.Options{Dial: local.DialContext}))
	if err == nil {
		t.Cleanup(func() { _ = c.Close() })
	}
	return c, err
}

// TestMaxClients fills a server with many newcomers at once: each is told that it is
// full and when to come again, those inside go on, and there is room when one has gone.
func TestMaxClients(t *testing.T) {
	d := run(t, t.TempDir(), "--max-clients", "2")
	inside, other := dial(t, d.address), dial(t, d.address)
	var group sync.WaitGroup
	for range 200 {
		group.Go(func() {
			if _, err := client.Dial(t.Context(), d.address, dialing(client.Options{})); !errors.Is(err, client.ErrBusy) || !strings.Contains(err.Error(), "again in 10s") {
				t.Errorf("a newcomer was told %v", err)
			}
		})
	}
	for i := range 20 {
		put(t, inside, "f", fmt.Sprint(i))
		if got := get(t, other, "f"); got != fmt.Sprint(i) {
			t.Errorf("got %q", got)
		}
	}
	group.Wait()
	_ = other.Close()
	eventually(t, "room for another", func() bool {
		c, err := client.Dial(t.Context(), d.address, dialing(client.Options{}))
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
}

// TestMaxPerIP fills the share of one address: another still finds room.
func TestMaxPerIP(t *testing.T) {
	d := run(t, t.TempDir(), "--max-per-ip", "2")
	first, second := dial(t, d.address), dial(t, d.address)
	if _, err := client.Dial(t.Context(), d.address, dialing(client.Options{})); !errors.Is(err, client.ErrBusy) || !strings.Contains(err.Error(), "from your address") {
		t.Errorf("the third of an address was told %v", err)
	}
	eventually(t, "the line of the log", func() bool { return strings.Contains(d.log.String(), `reason="too many from one address"`) })
	put(t, first, "f", "x")
	if get(t, second, "f") != "x" {
		t.Error("those inside are not served")
	}
	other, err := dialFrom(t, "127.0.0.2", d.address)
	if addressMissing(err) {
		t.Skipf("this machine has no second loopback address: %v", err)
	}
	if err != nil {
		t.Fatal(err)
	}
	if get(t, other, "f") != "x" {
		t.Error("another address is not served")
	}
}

// addressMissing reports that a connection could not come from where it should.
func addressMissing(err error) bool {
	_, network := errors.AsType[*net.OpError](err)
	return network && !errors.Is(err, client.ErrBusy)
}

// TestRates moves a file through each bandwidth limit: no sooner than that allows. What
// goes the other way is not held back.
func TestRates(t *testing.T) {
	const size, rate = 300_000, 500_000
	content := strings.Repeat("0123456789", size/10)
	least := time.Duration(float64(size-rate/20-4<<10) / rate * float64(time.Second)) // what is saved up, and how each begins
	for _, c := range []struct {
		flag string
		put  bool
	}{
		{"--rate-up", true}, {"--rate-down", false}, {"--rate-per-ip-up", true}, {"--rate-per-ip-down", false},
	} {
		t.Run(c.flag, func(t *testing.T) {
			t.Parallel()
			d := run(t, t.TempDir(), c.flag, fmt.Sprint(rate))
			if err := os.WriteFile(filepath.Join(d.root, "there"), []byte(content), 0o600); err != nil {
				t.Fatal(err)
			}
			clients := []*client.Client{dial(t, d.address), dial(t, d.address)}
			begun := time.Now()
			var group sync.WaitGroup
			for i, client := range clients { // they share it
				group.Go(func() {
					if c.put {
						put(t, client, fmt.Sprint(i), content)
					} else if get(t, client, "there") != content {
						t.Error("what came differs")
					}
				})
			}
			group.Wait()
			if took := time.Since(begun); took < 2*least {
				t.Errorf("two files of %d bytes took %s at %d bytes a second", size, took, rate)
			}
		})
	}
}

// TestLowRateOutlivesTimeouts gets and puts a block through a limit so low that it takes
// longer than every timeout of the server.
func TestLowRateOutlivesTimeouts(t *testing.T) {
	const size = 40_000
	d := run(t, t.TempDir(), "--rate-up", "20K", "--rate-down", "20K", "--stall-timeout", "200ms", "--idle-timeout", "200ms", "--handshake-timeout", "200ms")
	content := strings.Repeat("0123456789", size/10)
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second) // no test hangs
	defer cancel()
	c, err := client.Dial(ctx, d.address, dialing(client.Options{Retries: -1}))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Put(ctx, "f", strings.NewReader(content), nil); err != nil {
		t.Error(err)
	}
	if c, err = client.Dial(ctx, d.address, dialing(client.Options{Retries: -1})); err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	if _, err := c.Get(ctx, "f", io.Discard, nil); err != nil {
		t.Error(err)
	}
}

// TestInFlight has a client that may have one request at once do what it does.
func TestInFlight(t *testing.T) {
	d := run(t, t.TempDir(), "--in-flight", "1")
	c := dial(t, d.address)
	if n := c.Server().InFlight; n != 1 {
		t.Errorf("%d requests may be in flight", n)
	}
	use(t, c)
	raw := dialRaw(t, d.address)
	if err := raw.conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil { // no test hangs
		t.Fatal(err)
	}
	raw.send(protocol.Append(protocol.Append(nil, 1, protocol.Put{Size: 1, Path: "p"}), 2, protocol.Stat{Path: "f"}))
	heard, _ := io.ReadAll(raw.conn)
	if !strings.Contains(string(heard), "more than 1 requests") {
		t.Errorf("a second one was answered with %q", heard)
	}
}

// TestListDepth lists a tree that is deeper than the limit: the rest of it comes.
func TestListDepth(t *testing.T) {
	d := run(t, t.TempDir(), "--list-depth", "3")
	for _, dir := range []string{"a/b/c/d/e", "z"} {
		if err := os.MkdirAll(filepath.Join(d.root, dir), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	var paths []string
	for entry, err := range dial(t, d.address).List(t.Context(), ".", client.ListOptions{Recursive: true}) {
		if err != nil {
			t.Fatal(err)
		}
		if entry.Err != nil {
			entry.Path += "!"
		}
		paths = append(paths, entry.Path)
	}
	for _, want := range []string{"a", "a/b", "a/b/c!", "z"} {
		if !strings.Contains(fmt.Sprintf("%q", paths), fmt.Sprintf("%q", want)) {
			t.Errorf("no %s in %q", want, paths)
		}
	}
	if len(paths) != 4 {
		t.Errorf("listed %q", paths)
	}
}

// TestHandshakeIsAbsolute has a client greet by one byte at a time, which does not help.
func TestHandshakeIsAbsolute(t *testing.T) {
	d := run(t, t.TempDir(), "--handshake-timeout", "200ms", "--idle-timeout", "1h")
	conn, err := connect(d.address)
	if err != nil {
		t.Fatal(err)
	}
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil { // no test hangs
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = io.Copy(io.Discard, conn)
		_ = conn.Close()
	}()
	ticks := time.NewTicker(50 * time.Millisecond)
	defer ticks.Stop()
	for _, b := range protocol.Append(nil, 0, protocol.Hello{InFlight: 4, Agent: strings.Repeat("x", 200)}) {
		if _, err := conn.Write([]byte{b}); err != nil {
			break
		}
		<-ticks.C
	}
	<-ended
	eventually(t, "the end", func() bool { return strings.Contains(d.log.String(), `reason="handshake timeout"`) })
}

// TestClientOfLowRate puts a file that the kernel takes at once and the server for longer
// than the client waits where nothing moves.
func TestClientOfLowRate(t *testing.T) {

	if runtime.GOOS != "linux" {
		t.Skip("only Linux tells a client what of its bytes has arrived")
	}
	for _, secure := range []bool{false, true} {
		flags, options := []string{"--rate-up", "100K"}, dialing(client.Options{Timeout: 3 * time.Second, Retries: -1})
		if secure {
			flags, options.TLS = append(flags, "--tls", "--state-dir", t.TempDir()), anyServer()
		}
		d := run(t, t.TempDir(), flags...)
		c, err := client.Dial(t.Context(), d.address, options)
		if err != nil {
			t.Fatal(err)
		}
		put(t, c, "f", strings.Repeat("0123456789", 60_000))
		if err := c.Close(); err != nil {
			t.Error(err)
		}
	}
}

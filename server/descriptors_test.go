//go:build unix

package server

import (
	"errors"
	"net"
	"os"
	"os/exec"
	"strings"
	"sync"
	"testing"

	"ftpd/client"
)

// limited starts ftpd after a command of the shell that limits its descriptors.
func limited(t *testing.T, ulimit string) *daemon {
	t.Helper()
	root := t.TempDir()
	return begin(t, root, exec.Command("/bin/sh", "-c", ulimit+` && exec "$0" "$@"`, ftpd, "--root", root, "--listen", "127.0.0.1:0"))
}

// use has a client get, put and list.
func use(t *testing.T, c *client.Client) {
	t.Helper()
	for range 20 {
		put(t, c, "f", "content")
		put(t, c, "d/large", strings.Repeat("0123456789abcdef", 1<<16))
		if get(t, c, "f") != "content" || len(get(t, c, "d/large")) != 1<<20 {
			t.Error("other content came back")
		}
		for _, err := range c.List(t.Context(), ".", client.ListOptions{}) {
			if err != nil {
				t.Fatal(err)
			}
		}
	}
}

// TestFewDescriptors has more connections than descriptors, which say nothing: who
// came before is served.
func TestFewDescriptors(t *testing.T) {
	d := limited(t, "ulimit -n 64")
	first := dial(t, d.address)
	for range 100 {
		conn, err := net.Dial("tcp", d.address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
	}
	eventually(t, "the end of room", func() bool { return strings.Contains(d.log.String(), "accepting rests") })
	use(t, first)
	if n := strings.Count(d.log.String(), "accepting rests"); n != 1 {
		t.Errorf("it logged %d times that accepting rests", n)
	}
}

// TestMoreClientsThanDescriptors: each is served or told that the server is full, and
// when some have gone there is room for others.
func TestMoreClientsThanDescriptors(t *testing.T) {
	d := limited(t, "ulimit -n 64")
	var mu sync.Mutex
	var inside []*client.Client
	var group sync.WaitGroup
	for range 100 {
		group.Go(func() {
			c, err := client.Dial(t.Context(), d.address, dialing(client.Options{}))
			mu.Lock()
			defer mu.Unlock()
			switch {
			case err == nil:
				inside = append(inside, c)
			case !errors.Is(err, client.ErrBusy):
				t.Errorf("a client was told %v", err)
			}
		})
	}
	group.Wait()
	if n := len(inside); n < 30 || n > 48 {
		t.Errorf("%d of 100 clients were let in, with 64 descriptors", n)
	}
	for _, c := range inside {
		if _, err := c.Stat(t.Context(), "."); err != nil {
			t.Error(err)
		}
	}
	use(t, inside[0])
	for _, c := range inside {
		_ = c.Close()
	}
	eventually(t, "room for another", func() bool {
		c, err := client.Dial(t.Context(), d.address, dialing(client.Options{}))
		if err == nil {
			_ = c.Close()
		}
		return err == nil
	})
	eventually(t, "the end of the rest", func() bool {
		return strings.Contains(d.log.String(), "accepting goes on") || !strings.Contains(d.log.String(), "accepting rests")
	})
}

// TestLimitOfDescriptorsIsRaised as far as the system lets it.
func TestLimitOfDescriptorsIsRaised(t *testing.T) {
	d := limited(t, "ulimit -S -n 64")
	limits, err := os.ReadFile("/proc/" + d.status("Pid") + "/limits")
	if err != nil {
		t.Skipf("this system does not tell of limits: %v", err)
	}
	for line := range strings.Lines(string(limits)) {
		if fields := strings.Fields(line); strings.HasPrefix(line, "Max open files") && fields[3] == "64" {
			t.Errorf("%q", line)
		}
	}
}

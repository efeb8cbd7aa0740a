//go:build unix

package server

import (
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"ftpd/client"
	"ftpd/server/storage/faulty"
	"ftpd/server/storage/local"
)

var quiet = slog.New(slog.DiscardHandler)

// TestKilledMidPut kills either end with -9 in the middle of an upload: under
// the real name is the old file, or none.
func TestKilledMidPut(t *testing.T) {
	for _, c := range []struct {
		name   string
		old    string
		client bool
	}{
		{"client, new file", "", true},
		{"client, old file", "the old content", true},
		{"server, new file", "", false},
		{"server, old file", "the old content", false},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := t.TempDir()
			target := filepath.Join(root, "f")
			if c.old != "" {
				if err := os.WriteFile(target, []byte(c.old), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			d := run(t, root)
			half := make(chan struct{})
			if c.client {
				killClient(t, d)
			} else {
				conn := dial(t, d.address)
				done := make(chan error, 1)
				killed := make(chan struct{})
				go func() {
					_, err := conn.Put(context.Background(), "f", &halfReader{half: half, stop: killed}, nil)
					done <- err
				}()
				<-half
				eventually(t, "half a file", func() bool { return len(litter(t, root, "f")) > 0 })
				d.signal(syscall.SIGKILL)
				_ = d.wait()
				close(killed)
				if err := <-done; !errors.Is(err, client.ErrNetwork) {
					t.Errorf("the client was told %v", err)
				}
			}
			got, err := os.ReadFile(target)
			if c.old == "" && !errors.Is(err, fs.ErrNotExist) || c.old != "" && string(got) != c.old {
				t.Errorf("under the name is %.40q, %v", got, err)
			}
			if !c.client {
				run(t, root)
			}
			eventually(t, "the sweep of what was staged", func() bool { return len(litter(t, root, "f")) == 0 })
		})
	}
}

// killClient starts an upload in another process and kills it half-way.
func killClient(t *testing.T, d *daemon) {
	t.Helper()
	c := dialRaw(t, d.address)
	c.startPut("f", 10<<20)
	eventually(t, "half a file", func() bool { return len(litter(t, d.root, "f")) > 0 })
	c.reset()
}

// halfReader gives half a file, tells so, and then no more until the end.
type halfReader struct {
	given int
	half  chan<- struct{}
	stop  <-chan struct{}
}

func (r *halfReader) Read(p []byte) (int, error) {
	if r.given > 1<<20 {
		if r.half != nil {
			close(r.half)
			r.half = nil
		}
		<-r.stop
	}
	n := copy(p, bytes.Repeat([]byte("x"), 64<<10))
	r.given += n
	return n, nil
}

// TestFullDisk serves a small file system: a full one is no_space, nothing is
// left behind, and there is room again for what fits.
func TestFullDisk(t *testing.T) {
	root := t.TempDir()
	if err := mountSmall(root, 4<<20); err != nil {
		t.Skipf("no small file system can be mounted here: %v", err)
	}
	t.Cleanup(func() { _ = unmount(root) })
	d := run(t, root)
	t.Cleanup(func() { _ = d.cmd.Process.Kill(); _ = d.wait() })
	c := dial(t, d.address)
	put(t, c, "kept", "kept")
	for name, r := range map[string]io.Reader{
		"size known":   strings.NewReader(strings.Repeat("x", 8<<20)),
		"size unknown": io.LimitReader(zeros{}, 8<<20),
	} {
		if _, err := c.Put(t.Context(), "kept", r, nil); !errors.Is(err, client.ErrNoSpace) {
			t.Errorf("%s: %v", name, err)
		}
		if left := litter(t, root, "kept"); len(left) > 0 { // the answer comes after the removal
			t.Errorf("%s: litter: %v", name, left)
		}
	}
	if get(t, c, "kept") != "kept" {
		t.Error("the old file suffered")
	}
	put(t, c, "fits", strings.Repeat("y", 3<<20))
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// TestSlowDisk has a disk that answers no open, and more that wait for it than
// there are workers: stat, ping and small puts of another connection do not wait.
func TestSlowDisk(t *testing.T) {
	store, err := local.Open(t.TempDir(), local.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	gate := faulty.NewGate()
	slow := faulty.New(store, faulty.Hooks{Before: faulty.On(gate.Hook, faulty.Open)})
	s, err := listen(Config{Logger: quiet, Selector: asked(t), Identity: inside(t)}, netip.MustParseAddrPort("127.0.0.1:0"), slow, admission{})
	if err != nil {
		t.Fatal(err)
	}
	stop := serve(t, s)
	defer stop()
	c := dial(t, s.Address().String())
	put(t, c, "f", "content")
	const gets = 64
	done := make(chan error, gets)
	for range gets { // those of one client may share a job
		c := dial(t, s.Address().String())
		go func() {
			var b strings.Builder
			_, err := c.Get(context.Background(), "f", &b, nil)
			if err == nil && b.String() != "content" {
				err = errors.New("other content")
			}
			done <- err
		}()
	}
	for range 16 { // the workers of their lane
		<-gate.Held()
	}
	other := dial(t, s.Address().String())
	for range 100 {
		if _, err := other.Stat(t.Context(), "f"); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := other.Ping(t.Context()); err != nil {
		t.Fatal(err)
	}
	put(t, other, "g", "more")
	gate.Open()
	for range gets {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
}

// TestDiskFaults injects an error into every operation of the storage: the
// client gets a typed error, the log says which, and the connection goes on.
func TestDiskFaults(t *testing.T) {
	broken := errors.New("the disk is broken")
	large := strings.Repeat("0123456789abcdef", 1<<16)
	for _, c := range []struct {
		name string
		op   faulty.Op
		do   func(c *client.Client) error
	}{
		{"open", faulty.Open, func(c *client.Client) error { _, err := c.Get(t.Context(), "f", io.Discard, nil); return err }},
		{"read", faulty.FileReadAt, func(c *client.Client) error { _, err := c.Get(t.Context(), "f", io.Discard, nil); return err }},
		{"stat of open file", faulty.FileStat, func(c *client.Client) error { _, err := c.Get(t.Context(), "f", io.Discard, nil); return err }},
		{"sum", faulty.FileReadAt, func(c *client.Client) error { _, err := c.Sum(t.Context(), "f"); return err }},
		{"stat", faulty.Stat, func(c *client.Client) error { _, err := c.Stat(t.Context(), "f"); return err }},
		{"list", faulty.List, drainList},
		{"list next", faulty.ListNext, drainList},
		{"create", faulty.Create, func(c *client.Client) error {
			_, err := c.Put(t.Context(), "n", strings.NewReader(large), nil)
			return err
		}},
		{"write", faulty.StagingWriteAt, func(c *client.Client) error {
			_, err := c.Put(t.Context(), "n", strings.NewReader(large), nil)
			return err
		}},
		{"commit", faulty.StagingCommit, func(c *client.Client) error {
			_, err := c.Put(t.Context(), "n", strings.NewReader("small"), nil)
			return err
		}},
		{"mkdir", faulty.Mkdir, func(c *client.Client) error { return c.Mkdir(t.Context(), "d", 0) }},
		{"remove", faulty.Remove, func(c *client.Client) error { return c.Remove(t.Context(), "f") }},
		{"rename", faulty.Rename, func(c *client.Client) error { return c.Rename(t.Context(), "f", "g", nil) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			root := t.TempDir()
			store, err := local.Open(root, local.Options{NoSync: true})
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(root, "f"), []byte(large), 0o600); err != nil {
				t.Fatal(err)
			}
			s, err := listen(Config{Logger: quiet, Selector: asked(t), Identity: inside(t)}, netip.MustParseAddrPort("127.0.0.1:0"), faulty.New(store, faulty.Hooks{Before: faulty.Fail(broken, c.op)}), admission{})
			if err != nil {
				t.Fatal(err)
			}
			stop := serve(t, s)
			defer stop()
			conn := dial(t, s.Address().String())
			if err := c.do(conn); !errors.Is(err, client.ErrIO) || !strings.Contains(err.Error(), "broken") {
				t.Errorf("the client was told %v", err)
			}
			if _, err := conn.Ping(t.Context()); err != nil {
				t.Errorf("the connection: %v", err)
			}
			_ = conn.Close()
			stop()
			if left := litter(t, root, "f"); len(left) > 0 {
				t.Errorf("litter: %v", left)
			}
		})
	}
}

func drainList(c *client.Client) error {
	for _, err := range c.List(context.Background(), ".", client.ListOptions{}) {
		if err != nil {
			return err
		}
	}
	return nil
}

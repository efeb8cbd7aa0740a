//go:build unix

package server

import (
	"cmp"
	"errors"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"ftpd/client"
	"ftpd/protocol"
	"ftpd/selector"
)

// speak connects, says bytes, and returns what it hears until the server
// closes. It shuts its own side only after that, or at once with hangUp.
func speak(t *testing.T, address string, bytes []byte, hangUp bool) string {
	t.Helper()
	conn, err := connect(address)
	if err != nil {
		t.Error(err)
		return ""
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		t.Error(err)
	}
	_, _ = conn.Write(bytes) // the server may have closed before the end
	if hangUp {
		return ""
	}
	heard, _ := io.ReadAll(conn) // a reset after the last words is no matter
	return string(heard)
}

// conversation is one legal use of most opcodes.
func conversation() []byte {
	b := protocol.Append(nil, 0, protocol.Hello{InFlight: 16, Agent: "hostile"})
	content := []byte("some content")
	var tree protocol.Tree
	digest := protocol.BlockDigest(content)
	tree.Add(digest, len(content))
	for id, flags := range []protocol.Flags{protocol.PutEager, protocol.PutEager | protocol.PutParents} {
		b = protocol.Append(b, uint32(id)+1, protocol.Put{Flags: flags, Size: uint64(len(content)), Mtime: 1, Path: "d/f"})
		b = protocol.Append(b, uint32(id)+1, protocol.Data{Digest: digest, Bytes: content})
		b = protocol.Append(b, uint32(id)+1, protocol.End{Size: tree.Size(), Algorithm: protocol.XXH3Tree, Digest: tree.Sum()})
	}
	b = protocol.Append(b, 3, protocol.List{Flags: protocol.ListRecursive})
	b = protocol.Append(b, 4, protocol.Get{Length: protocol.SizeUnknown, Path: "good"})
	b = protocol.Append(b, 5, protocol.Mkdir{Flags: protocol.MkdirParents, Path: "made"})
	b = protocol.Append(b, 6, protocol.Sum{Algorithm: protocol.XXH3Tree, Path: "good"})
	return b
}

// goodClient uses the server all the while; it must notice nothing.
func goodClient(t *testing.T, address string) (stop func()) {
	t.Helper()
	content := strings.Repeat("all is well ", 50_000)
	c := dial(t, address)
	put(t, c, "good", content)
	quit := make(chan struct{})
	var group sync.WaitGroup
	group.Go(func() {
		for {
			select {
			case <-quit:
				return
			default:
			}
			var b strings.Builder
			if _, err := c.Get(t.Context(), "good", &b, nil); err != nil || b.String() != content {
				t.Errorf("the good client was disturbed: %v", err)
				return
			}
		}
	})
	return func() {
		close(quit)
		group.Wait()
	}
}

// TestHostileBytes has clients that break every rule at once, while a good one
// works.
func TestHostileBytes(t *testing.T) {
	d := run(t, t.TempDir(), "--handshake-timeout", "1s", "--log-level", "warn")
	defer goodClient(t, d.address)()
	hello := protocol.Append(nil, 0, protocol.Hello{InFlight: 16, Agent: "hostile"})
	oversized := []byte{1, byte(protocol.OpData), 0, 0, 0, 0, 0, 1, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0, 0, 0, 0, 0}
	oversized = append(append([]byte{}, hello...), protocol.Seal(oversized)...)
	for name, c := range map[string]struct {
		bytes string
		hears string
	}{
		"http":      {"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "ftpd: "},
		"ssh":       {"SSH-2.0-OpenSSH_9.2\r\n", "ftpd: "},
		"ftp":       {"", "ftpd: "}, // it waits for the server to speak
		"oversized": {string(oversized), "payload of 4294967295 bytes"},
		"no hello":  {string(protocol.Append(nil, 1, protocol.Stat{Path: "good"})), "not allowed while greeting"},
	} {
		t.Run(name, func(t *testing.T) {
			if got := speak(t, d.address, []byte(c.bytes), false); !strings.Contains(got, c.hears) {
				t.Errorf("the server said %q, not %q", got, c.hears)
			}
		})
	}
	random := rand.New(rand.NewPCG(1, 2))
	var group sync.WaitGroup
	for range 200 {
		garbage := make([]byte, random.IntN(5000))
		for i := range garbage {
			garbage[i] = byte(random.Uint32())
		}
		if random.IntN(2) == 0 {
			garbage = append(append([]byte{}, hello...), garbage...)
		}
		thenClose := random.IntN(2) == 0
		group.Go(func() { speak(t, d.address, garbage, thenClose) })
	}
	group.Wait()
}

// TestStopsAnywhere has a client that goes away after every byte of a
// conversation. The server keeps nothing of it.
func TestStopsAnywhere(t *testing.T) {
	s, stop := inProcess(t, Config{Root: t.TempDir(), HandshakeTimeout: time.Second, StallTimeout: time.Second, IdleTimeout: time.Second})
	address := s.Address().String()
	defer stop()
	stopGood := goodClient(t, address)
	script := conversation()
	var group sync.WaitGroup
	for cut := range script {
		group.Go(func() { speak(t, address, script[:cut], true) })
		if cut%50 == 0 {
			group.Wait()
		}
	}
	group.Wait()
	// And some that stay, silent, until a timeout.
	for cut := 0; cut < len(script); cut += 37 {
		group.Go(func() { speak(t, address, script[:cut], false) })
	}
	group.Wait()
	stopGood()
	eventually(t, "the end of all jobs and loans", func() bool {
		stats := s.Stats()
		return stats.Connections <= 1 && stats.Jobs == 0 && stats.Memory == 0
	})
}

// inProcess runs a server in this process.
func inProcess(t *testing.T, config Config) (s *Server, stop func()) {
	t.Helper()
	config.Logger, config.Selector, config.Identity = quiet, asked(t), inside(t)
	s, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	return s, serve(t, s)
}

// asked returns the kind of selector that the suite is run on: that of
// FTPD_SELECTOR, which the daemon reads itself.
func asked(t testing.TB) selector.Kind {
	t.Helper()
	kind, err := selector.ParseKind(cmp.Or(os.Getenv("FTPD_SELECTOR"), "auto"))
	if err != nil {
		t.Fatal(err)
	}
	return kind
}

func serve(t *testing.T, s *Server) (stop func()) {
	done := make(chan error, 1)
	go func() { done <- s.Serve() }()
	return sync.OnceFunc(func() {
		s.Close()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
}

// TestPathsOutside asks for everything outside the root in every way; nothing
// there is read or touched, and each way gets its typed error.
func TestPathsOutside(t *testing.T) {
	parent := t.TempDir()
	root := filepath.Join(parent, "root")
	secret := filepath.Join(parent, "secret")
	outside := filepath.Join(parent, "outside")
	for _, dir := range []string{root, outside} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(secret, []byte("do not tell"), 0o600); err != nil {
		t.Fatal(err)
	}
	for link, target := range map[string]string{
		"abs": secret, "rel": "../secret", "dir": outside, "up": "..", "chain": "rel", "passwd": "/etc/passwd",
	} {
		if err := os.Symlink(target, filepath.Join(root, link)); err != nil {
			t.Fatal(err)
		}
	}
	d := run(t, root)
	c := dial(t, d.address)
	ctx := t.Context()
	for _, path := range []string{
		"../secret", "../../etc/passwd", "/etc/passwd", "a/../../b", "..", "a/..", "x\x00y", ".ftpd-staging/x",
		"abs", "rel", "chain", "passwd", "dir/x", "up/secret", strings.Repeat("n", 256), strings.Repeat("p/", 2049),
	} {
		inside := path == "abs" || path == "rel" || path == "chain" || path == "passwd" // a link may be replaced or removed
		got, getErr := c.Get(ctx, path, io.Discard, nil)
		_, statErr := c.Stat(ctx, path)
		_, sumErr := c.Sum(ctx, path)
		errs := map[string]error{"get": getErr, "stat": statErr, "sum": sumErr, "mkdir": c.MkdirAll(ctx, path+"/sub", 0)}
		if !inside {
			_, errs["put"] = c.Put(ctx, path, strings.NewReader("overwritten"), nil)
			errs["remove"] = c.Remove(ctx, path)
			errs["rename from"] = c.Rename(ctx, path, "taken", nil)
			errs["rename to"] = c.Rename(ctx, "abs", path, nil)
		}
		for _, err := range c.List(ctx, path, client.ListOptions{}) {
			errs["list"] = err
		}
		for op, err := range errs {
			if _, ok := errors.AsType[*client.Error](err); !ok {
				t.Errorf("%s %.40q: no typed error, but %v (%+v)", op, path, err, got)
			}
		}
	}
	if b, err := os.ReadFile(secret); err != nil || string(b) != "do not tell" {
		t.Errorf("the secret is now %q, %v", b, err)
	}
	if entries, err := os.ReadDir(outside); err != nil || len(entries) > 0 {
		t.Errorf("outside are %v, %v", entries, err)
	}
	put(t, c, "abs", "mine") // replaces the link, and not what it names
	if b, err := os.ReadFile(secret); err != nil || string(b) != "do not tell" {
		t.Errorf("the secret is now %q, %v", b, err)
	}
}

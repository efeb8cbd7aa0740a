//go:build unix

package server

import (
	"bytes"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"ftpd/client"
	"ftpd/protocol"
	"ftpd/server/identity"
)

// secureServer serves inside TLS in this process, and tells its log.
func secureServer(t testing.TB, config Config) (address string, log *logBuffer) {
	t.Helper()
	id, err := identity.Own(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	log = &logBuffer{}
	config.Identity, config.Durability, config.Selector = id, None, asked(t)
	config.Logger = slog.New(slog.NewTextHandler(log, nil))
	s, err := New(config)
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- s.Serve() }()
	t.Cleanup(func() {
		s.Close()
		if err := <-served; err != nil {
			t.Error(err)
		}
		if t.Failed() {
			t.Logf("the server's log:\n%.4000s", log)
		}
	})
	return s.Address().String(), log
}

// anyServer trusts whoever answers: these tests are not about trust.
func anyServer() *tls.Config {
	return &tls.Config{InsecureSkipVerify: true, NextProtos: []string{protocolName}, MinVersion: tls.VersionTLS13}
}

func dialSecure(t testing.TB, address string, config *tls.Config) *tls.Conn {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return tls.Client(conn, config)
}

// Whatever goes through plain TCP goes through TLS: blocks larger and smaller than a record, many
// requests in one, and more than the server may hold at once.
func TestSecureTransfers(t *testing.T) {
	for _, memory := range []int64{0, 4 << 20} {
		t.Run(fmt.Sprint("memory ", memory), func(t *testing.T) {
			root := t.TempDir()
			address, _ := secureServer(t, Config{Root: root, Memory: memory})
			c, err := client.Dial(t.Context(), address, &client.Options{TLS: anyServer()})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			random := rand.NewChaCha8([32]byte{1})
			for _, size := range []int{0, 1, 16384, 70_000, protocol.BlockSize, 5*protocol.BlockSize + 3, 12 << 20} {
				content := make([]byte, size)
				_, _ = random.Read(content)
				name := fmt.Sprint(size)
				put(t, c, name, string(content))
				if back := get(t, c, name); back != string(content) {
					t.Errorf("%d bytes came back as %d others", size, len(back))
				}
			}
			source, back := t.TempDir(), filepath.Join(t.TempDir(), "back")
			for i := range 300 {
				if err := os.WriteFile(filepath.Join(source, fmt.Sprint(i)), bytes.Repeat([]byte{byte(i)}, i*37), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			if _, err := c.PutTree(t.Context(), source, "tree", nil); err != nil {
				t.Fatal(err)
			}
			if _, err := c.GetTree(t.Context(), "tree", back, nil); err != nil {
				t.Fatal(err)
			}
			if printed, err := exec.Command("diff", "-r", source, back).CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, printed)
			}
		})
	}
}

// oneByte sends each byte by itself, so that no record and no message of the handshake
// arrives whole.
type oneByte struct{ net.Conn }

func (c oneByte) Write(p []byte) (int, error) {
	for i := range p {
		if _, err := c.Conn.Write(p[i : i+1]); err != nil {
			return i, err
		}
	}
	return len(p), nil
}

func TestSecureInPieces(t *testing.T) {
	root := t.TempDir()
	address, log := secureServer(t, Config{Root: root})
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	secure := tls.Client(oneByte{conn}, anyServer())
	frames := protocol.Append(nil, 0, protocol.Hello{InFlight: 4, Agent: "pieces"})
	frames = protocol.Append(frames, 1, protocol.Mkdir{Path: "d"})
	frames = protocol.Append(frames, 0, protocol.Bye{})
	if _, err := secure.Write(frames); err != nil {
		t.Fatal(err)
	}
	if err := secure.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadAll(secure); err != nil { // io.ErrUnexpectedEOF is that close_notify is missing
		t.Errorf("the server's end: %v", err)
	}
	if _, err := os.Stat(filepath.Join(root, "d")); err != nil {
		t.Error(err)
	}
	eventually(t, "the end", func() bool { return strings.Contains(log.String(), "reason=bye") })
}

// secureEnd is a way in which a connection ends, and what the log says of it.
type secureEnd struct {
	name, reason string
	do           func(t *testing.T, raw net.Conn)
}

// secureEnds are of clients that go away, or are none.
func secureEnds() []secureEnd {
	hello := protocol.Append(nil, 0, protocol.Hello{InFlight: 4, Agent: "ends"})
	return []secureEnd{
		{"close_notify", "eof", func(t *testing.T, raw net.Conn) {
			secure := tls.Client(raw, anyServer())
			_, _ = secure.Write(hello)
			_ = secure.CloseWrite()
			if _, err := io.ReadAll(secure); err != nil {
				t.Error(err)
			}
		}},
		{"cut at a record's end", `"tls cut"`, func(t *testing.T, raw net.Conn) {
			secure := tls.Client(raw, anyServer())
			_, _ = secure.Write(hello)
			_ = raw.(*net.TCPConn).CloseWrite()
		}},
		{"gone without a byte", `eof`, func(*testing.T, net.Conn) {}},
		{"cut in the handshake", `"handshake cut" cause="the client went away before it was shown the certificate"`, func(t *testing.T, raw net.Conn) {
			_, _ = raw.Write([]byte{handshakeByte, 3, 1, 0, 200, 1, 0})
			_ = raw.(*net.TCPConn).CloseWrite()
		}},
		{"gone when it has seen the certificate", `"handshake cut" cause="the client went away when it was shown the certificate, which it may not trust"`, func(t *testing.T, raw net.Conn) {
			config := anyServer()
			config.VerifyConnection = func(tls.ConnectionState) error { return raw.(*net.TCPConn).CloseWrite() } // and so no Finished is sent
			_ = tls.Client(raw, config).Handshake()
		}},
		{"plain", `"not tls"`, func(t *testing.T, raw net.Conn) {
			_, _ = raw.Write(hello)
			if said, err := io.ReadAll(raw); !strings.HasPrefix(string(said), "ftpd: this port speaks TLS") || err != nil {
				t.Errorf("%q, %v", said, err)
			}
		}},
	}
}

// secureFailures are the handshakes and records that one of the two does not take.
func secureFailures() []secureEnd {
	return []secureEnd{
		{"a certificate that the client does not trust", `"certificate refused" cause="the client does not take this server for the right one: remote error: tls: bad certificate"`, func(t *testing.T, raw net.Conn) {
			config := anyServer()
			config.InsecureSkipVerify, config.ServerName = false, "example.com"
			if err := tls.Client(raw, config).Handshake(); err == nil {
				t.Error("it trusts the server")
			}
			_ = raw.(*net.TCPConn).CloseWrite() // at once behind the alert, as ftpc does
		}},
		{"one that OpenSSL does not trust", `"certificate refused" cause="the client does not take this server for the right one: remote error: tls: unknown certificate authority"`, func(t *testing.T, raw net.Conn) {
			config := anyServer()
			config.VerifyConnection = func(tls.ConnectionState) error { // in the clear, a byte at a time
				_, err := oneByte{raw}.Write([]byte{21, 3, 3, 0, 2, 2, 48})
				return errors.Join(err, raw.(*net.TCPConn).CloseWrite())
			}
			_ = tls.Client(raw, config).Handshake()
		}},
		{"no protocol", `"tls error" cause="the client does not offer the protocol ftpd/1"`, func(t *testing.T, raw net.Conn) {
			config := anyServer()
			config.NextProtos = nil
			wantAlert(t, tls.Client(raw, config))
		}},
		{"another protocol", `"tls error" cause="tls: client requested unsupported application protocols ([\"h\\n2\"])"`, func(t *testing.T, raw net.Conn) {
			config := anyServer()
			config.NextProtos = []string{"h\n2"}
			wantAlert(t, tls.Client(raw, config))
		}},
		{"TLS 1.2", `"tls error" cause="tls: client offered only unsupported versions`, func(t *testing.T, raw net.Conn) {
			config := anyServer()
			config.MinVersion, config.MaxVersion = tls.VersionTLS12, tls.VersionTLS12
			wantAlert(t, tls.Client(raw, config))
		}},
		{"a record of noise", `"tls error" cause="local error: tls: bad record MAC"`, func(t *testing.T, raw net.Conn) {
			secure := tls.Client(raw, anyServer())
			if err := secure.Handshake(); err != nil {
				t.Error(err)
			}
			_, _ = raw.Write(append([]byte{23, 3, 3, 0, 32}, make([]byte, 32)...))
			wantAlert(t, secure)
		}},
		{"more than a handshake has", `"tls error" cause=`, func(t *testing.T, raw net.Conn) {
			_, _ = raw.Write(append([]byte{handshakeByte, 3, 1, 0x40, 0, 1, 0xff, 0, 0}, make([]byte, 200<<10)...))
		}},
	}
}

// TestSecureEnds has connections end in every way, and looks at what the server calls it
// and what the client hears.
func TestSecureEnds(t *testing.T) {
	for _, c := range append(secureEnds(), secureFailures()...) {
		t.Run(c.name, func(t *testing.T) {
			address, log := secureServer(t, Config{Root: t.TempDir()})
			conn, err := net.Dial("tcp", address)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			c.do(t, conn)
			_ = conn.Close() // or the server would wait for it
			eventually(t, "reason "+c.reason, func() bool { return strings.Contains(log.String(), "reason="+c.reason) })
		})
	}
}

const handshakeByte = 22

// wantAlert reads from a server that tells by an alert what is wrong.
func wantAlert(t *testing.T, secure *tls.Conn) {
	t.Helper()
	_, err := io.ReadAll(secure)
	var alert tls.AlertError
	var operation *net.OpError
	if !errors.As(err, &alert) && !(errors.As(err, &operation) && operation.Op == "remote error") {
		t.Errorf("no alert, but %v", err)
	}
}

// A silent client and one that never finishes its handshake go at the same moment as one
// without TLS, and everybody else is served meanwhile.
func TestSlowHandshakes(t *testing.T) {
	address, log := secureServer(t, Config{Root: t.TempDir(), HandshakeTimeout: time.Second})
	for i := range 100 {
		conn, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if i%2 == 0 {
			_, _ = conn.Write([]byte{handshakeByte, 3, 1, 2, 0, 1})
		}
	}
	c, err := client.Dial(t.Context(), address, &client.Options{TLS: anyServer()})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	put(t, c, "f", "content")
	eventually(t, "the end of those that are slow", func() bool {
		return strings.Count(log.String(), `reason="handshake timeout"`) == 100
	})
	if get(t, c, "f") != "content" {
		t.Error("who was inside is not served any more")
	}
}

// The daemon keeps its identity over restarts, and reads it again at SIGHUP while those who
// are inside stay.
func TestSecureDaemon(t *testing.T) {
	state := filepath.Join(t.TempDir(), "state")
	root := t.TempDir()
	fingerprint := func(d *daemon) string {
		t.Helper()
		name, ok := strings.CutPrefix(d.identity, "ftpd: identity ")
		if !ok {
			t.Fatalf("the server printed %q", d.identity)
		}
		return name
	}
	first := run(t, root, "--tls", "--state-dir", state)
	name := fingerprint(first)
	first.signal(syscall.SIGTERM)
	if err := first.wait(); err != nil {
		t.Fatal(err)
	}
	d := run(t, root, "--tls", "--state-dir", state)
	if fingerprint(d) != name {
		t.Error("a restart changed the identity")
	}
	d.signal(syscall.SIGTERM)
	if err := d.wait(); err != nil {
		t.Fatal(err)
	}
	d = run(t, root, "--tls", "--cert", filepath.Join(state, "identity.crt"), "--key", filepath.Join(state, "identity.key"))
	inside, err := client.Dial(t.Context(), d.address, &client.Options{TLS: anyServer()})
	if err != nil {
		t.Fatal(err)
	}
	defer inside.Close()
	serial := func() string {
		secure := dialSecure(t, d.address, anyServer())
		if err := secure.Handshake(); err != nil {
			t.Fatal(err)
		}
		return secure.ConnectionState().PeerCertificates[0].SerialNumber.String()
	}
	before := serial()
	key := filepath.Join(state, "identity.key")
	if err := os.WriteFile(key, []byte("no key"), 0o600); err != nil {
		t.Fatal(err)
	}
	d.signal(syscall.SIGHUP)
	eventually(t, "the complaint", func() bool { return strings.Contains(d.log.String(), "stays as it was") })
	if serial() != before {
		t.Error("a broken key took the place of one that works")
	}
	if err := errors.Join(os.Remove(key), os.Remove(filepath.Join(state, "identity.crt"))); err != nil {
		t.Fatal(err)
	}
	if _, err := identity.Own(state); err != nil {
		t.Fatal(err)
	}
	d.signal(syscall.SIGHUP)
	eventually(t, "the new certificate", func() bool { return serial() != before })
	put(t, inside, "f", "content")
}

func TestOpenSSLClient(t *testing.T) {
	if _, err := exec.LookPath("openssl"); err != nil {
		t.Skip("no openssl on this machine")
	}
	address, log := secureServer(t, Config{Root: t.TempDir()})
	refusing := exec.Command("openssl", "s_client", "-verify_return_error", "-connect", address, "-alpn", protocolName)
	if err := refusing.Run(); err == nil {
		t.Error("openssl trusts the server")
	}
	eventually(t, "the reason", func() bool { return strings.Contains(log.String(), `reason="certificate refused"`) })
	command := exec.Command("openssl", "s_client", "-connect", address, "-alpn", protocolName)
	printed, _ := command.CombinedOutput() // it ends with its input, and does not like the certificate
	for _, want := range []string{"TLSv1.3", "ALPN protocol: " + protocolName} {
		if !strings.Contains(string(printed), want) {
			t.Errorf("no %q in %s", want, printed)
		}
	}
}

// A client that is refused while its handshake is under way does not stay by sending a byte
// of it now and then.
func TestRefusedHandshakeEnds(t *testing.T) {
	address, _ := secureServer(t, Config{Root: t.TempDir(), MaxClients: 1})
	inside, err := client.Dial(t.Context(), address, &client.Options{TLS: anyServer()})
	if err != nil {
		t.Fatal(err)
	}
	defer inside.Close()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	closed := make(chan struct{})
	go func() {
		_, _ = io.Copy(io.Discard, conn)
		close(closed)
	}()
	_, _ = conn.Write([]byte{handshakeByte, 3, 1, 0x3f, 0xff, 1, 0, 0x3f, 0xf0})
	drip := time.NewTicker(time.Second)
	defer drip.Stop()
	limit := time.After(20 * time.Second)
	for {
		select {
		case <-drip.C:
			_, _ = conn.Write([]byte{0})
		case <-closed:
			return
		case <-limit:
			t.Fatal("it is there still")
		}
	}
}

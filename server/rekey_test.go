//go:build unix

package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ftpd/client"
	"ftpd/internal/trial/rekey"
	"ftpd/protocol"
)

// dialRekey connects by TLS of which the test changes the keys.
func dialRekey(t *testing.T, address string) *rekey.Conn {
	t.Helper()
	raw, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = raw.Close() })
	conn, err := rekey.Client(raw, anyServer())
	if err != nil {
		t.Fatal(err)
	}
	return conn
}

// changing changes its keys before each write.
type changing struct {
	*rekey.Conn
	ask func(write int) bool
	n   int
}

func (c *changing) Write(p []byte) (int, error) {
	c.n++
	if err := c.Update(1, c.ask(c.n)); err != nil {
		return 0, err
	}
	return c.Conn.Write(p)
}

// TestKeyUpdates changes the keys again and again while files go both ways, with and
// without the server's own.
func TestKeyUpdates(t *testing.T) {
	for name, ask := range map[string]func(int) bool{
		"the client's": func(int) bool { return false },
		"both":         func(write int) bool { return write%8 == 0 }, // crypto/tls takes 16 in a row
	} {
		t.Run(name, func(t *testing.T) {
			address, _ := secureServer(t, Config{Root: t.TempDir()})
			conn := &changing{Conn: dialRekey(t, address), ask: ask}
			c, err := client.Dial(t.Context(), address, &client.Options{Retries: -1, Dial: func(context.Context, string, string) (net.Conn, error) { return conn, nil }})
			if err != nil {
				t.Fatal(err)
			}
			defer c.Close()
			random := rand.NewChaCha8([32]byte{1})
			for i, size := range []int{0, 1, 70_000, 5*protocol.BlockSize + 3, 12 << 20} {
				content := make([]byte, size)
				_, _ = random.Read(content)
				put(t, c, fmt.Sprint(i), string(content))
				if get(t, c, fmt.Sprint(i)) != string(content) {
					t.Errorf("of %d bytes others came back", size)
				}
			}
			if conn.n < 50 {
				t.Errorf("the keys were changed %d times only", conn.n)
			}
		})
	}
}

// TestUntakenKeyUpdates: who asks for other keys again and again, and takes no answer, does
// not fill the server's memory with them. A byte of a block now and then is no help.
func TestUntakenKeyUpdates(t *testing.T) {
	const together = 16 // so many in a row crypto/tls takes
	address, log := secureServer(t, Config{Root: t.TempDir()})
	conn := dialRekey(t, address)
	if _, err := conn.Write(begunPut()); err != nil {
		t.Fatal(err)
	}
	over := make(chan struct{})
	go func() {
		defer close(over)
		for err := error(nil); err == nil; {
			if _, err = conn.Write([]byte{0}); err == nil {
				err = conn.Update(together, true)
			}
		}
	}()
	eventually(t, "the end", func() bool { return strings.Contains(log.String(), "takes no answer") })
	<-over
}

// program is a connection by way of another program's standard input and output.
type program struct {
	net.Conn // none: for the rest of its methods
	in       io.Writer
	out      *os.File
	said     logBuffer // on standard error
}

func (p *program) Read(b []byte) (int, error)        { return p.out.Read(b) }
func (p *program) Write(b []byte) (int, error)       { return p.in.Write(b) }
func (p *program) SetReadDeadline(t time.Time) error { return p.out.SetReadDeadline(t) }

// openSSL connects by s_client, which changes keys for a line with a k, and asks for others
// for one with a K.
func openSSL(t *testing.T, address string) *program {
	t.Helper()
	if version, err := exec.Command("openssl", "version").Output(); err != nil || !strings.HasPrefix(string(version), "OpenSSL ") {
		t.Skipf("there is no OpenSSL on this machine: %q, %v", version, err)
	}
	cmd := exec.Command("openssl", "s_client", "-quiet", "-no_ign_eof", "-connect", address, "-alpn", protocolName)
	p := &program{}
	cmd.Stderr = &p.said
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	p.in, p.out = in, out.(*os.File)
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return p
}

// TestKeyUpdatesOfOpenSSL: OpenSSL changes keys, and asks for others, between the blocks of a
// file that it puts, and while one comes.
func TestKeyUpdatesOfOpenSSL(t *testing.T) {
	const blocks = 6
	d := run(t, t.TempDir(), "--tls", "--state-dir", t.TempDir())
	p := openSSL(t, d.address)
	w := &wire{t: t, conn: p, decoder: protocol.NewDecoder(protocol.Server)}
	w.decoder.Attach(make([]byte, protocol.BlockBuffer))
	changes, sent := 0, 0
	send := func(frames []byte) {
		sent += len(frames)
		w.send(frames)
	}
	until := func(last protocol.Opcode) {
		t.Helper()
		for op := protocol.Opcode(0); op != last; {
			f, err := w.next()
			if err != nil || f.Opcode == protocol.OpError {
				t.Fatalf("%s, %v", f.Payload, err)
			}
			op = f.Opcode
		}
	}
	changed := func() {
		t.Helper()
		changes++
		eventually(t, "a change of keys", func() bool { return strings.Count(p.said.String(), "KEYUPDATE") == changes })
	}
	send(protocol.Append(nil, 0, protocol.Hello{InFlight: 4, Agent: "openssl"}))
	content := strings.Repeat("0123456789abcdef", blocks*protocol.BlockSize/16)
	for frames := whole(1, protocol.Put{Flags: protocol.PutEager, Path: "f"}, content); len(frames) > 0; {
		part := protocol.FrameLen(frames)
		send(frames[:part])
		frames = frames[part:]
		if len(frames) == 0 {
			break
		}
		send(protocol.Append(nil, 0, protocol.Ping{Position: uint64(sent)}))
		until(protocol.OpPong) // it reads a line for a command by itself
		w.send([]byte{"kK"[changes%2], '\n'})
		changed()
	}
	until(protocol.OpOK)
	if stored, err := os.ReadFile(filepath.Join(d.root, "f")); err != nil || string(stored) != content {
		t.Errorf("stored are %d bytes, %v", len(stored), err)
	}
	send(protocol.Append(nil, 2, protocol.Get{Length: protocol.SizeUnknown, Path: "f"}))
	until(protocol.OpMeta)
	w.send([]byte("K\n")) // while DATA comes
	until(protocol.OpEnd)
	changed()
	if bytes.Count(w.heard.Bytes(), []byte(content[:16])) != len(content)/16 {
		t.Error("another content came back")
	}
	w.alive()
}

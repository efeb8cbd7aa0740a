//go:build unix

package server

import (
	"bytes"
	"errors"
	"io"
	"net"
	"os"
	"slices"
	"testing"
	"time"

	"ftpd/protocol"
)

// wire is a connection whose frames a test makes itself, legal or not, and whose
// replies it sees as they come.
type wire struct {
	t       testing.TB
	conn    net.Conn
	decoder protocol.Decoder
	heard   bytes.Buffer // all that came
}

// patience is how long a server may say nothing before a test gives up.
const patience = 20 * time.Second

// openWire connects and greets.
func openWire(t testing.TB, address string) *wire {
	t.Helper()
	w := dialWire(t, address)
	w.send(protocol.Append(nil, 0, protocol.Hello{InFlight: 100, Agent: "attacker"}))
	if f, err := w.next(); err != nil || f.Opcode != protocol.OpWelcome {
		t.Fatalf("HELLO was answered with %s, %v", f.Opcode, err)
	}
	return w
}

func dialWire(t testing.TB, address string) *wire {
	t.Helper()
	conn, err := connect(address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	w := &wire{t: t, conn: conn, decoder: protocol.NewDecoder(protocol.Server)}
	w.decoder.Attach(make([]byte, protocol.BlockBuffer))
	return w
}

// send sends bytes; that the server has closed shows when its answer is read.
func (w *wire) send(b []byte) { _, _ = w.conn.Write(b) }

// next returns the next frame, or why there is none.
func (w *wire) next() (protocol.Frame, error) {
	for {
		f, ok, err := w.decoder.Next()
		if ok || err != nil {
			f.Payload = bytes.Clone(f.Payload)
			return f, err
		}
		if err := w.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
			return f, err
		}
		space := w.decoder.Space()
		n, err := w.conn.Read(space)
		w.heard.Write(space[:n])
		w.decoder.Advance(n)
		if n == 0 && err != nil {
			return f, err
		}
	}
}

// answer is what came of a request.
type answer struct {
	frames []protocol.Frame // all replies to it
	err    error            // the connection ended, or nothing came in time
}

// outcome names the answer: the code of an ERROR, "closed" with that of the
// connection's, or the last opcode.
func (a answer) outcome() string {
	if errors.Is(a.err, os.ErrDeadlineExceeded) {
		return "nothing"
	}
	if len(a.frames) == 0 {
		return "closed"
	}
	last := a.frames[len(a.frames)-1]
	if last.Opcode != protocol.OpError {
		return last.Opcode.String()
	}
	m, err := protocol.Decode[protocol.Error](last)
	switch {
	case err != nil:
		return err.Error()
	case last.Request == 0:
		return "closed: " + m.Code.String()
	}
	return m.Code.String()
}

// ask sends frames of one request and returns its replies, up to the final one.
func (w *wire) ask(frames []byte) answer {
	w.send(frames)
	finals := []protocol.Opcode{protocol.OpOK, protocol.OpError, protocol.OpEnd, protocol.OpPong}
	if op := protocol.Opcode(frames[1]); op == protocol.OpStat {
		finals = append(finals, protocol.OpMeta)
	}
	var a answer
	for {
		f, err := w.next()
		if err != nil {
			a.err = err
			return a
		}
		a.frames = append(a.frames, f)
		if slices.Contains(finals, f.Opcode) {
			return a
		}
	}
}

// alive checks that the connection still serves.
func (w *wire) alive() {
	w.t.Helper()
	if got := w.ask(protocol.Append(nil, 77, protocol.Stat{})).outcome(); got != "META" {
		w.t.Errorf("a STAT of the root is then answered with %s", got)
	}
}

// rest returns what comes until the connection is closed.
func (w *wire) rest() ([]byte, error) {
	if err := w.conn.SetReadDeadline(time.Now().Add(patience)); err != nil {
		return nil, err
	}
	return io.ReadAll(w.conn)
}

// whole is the frames of a PUT with its content.
func whole(id uint32, m protocol.Put, content string) []byte {
	m.Size = uint64(len(content))
	m.Mtime = protocol.NoTime
	b := protocol.Append(nil, id, m)
	var tree protocol.Tree
	for offset := 0; offset < len(content); offset += protocol.BlockSize {
		piece := []byte(content[offset:min(len(content), offset+protocol.BlockSize)])
		digest := protocol.BlockDigest(piece)
		tree.Add(digest, len(piece))
		b = protocol.Append(b, id, protocol.Data{Offset: uint64(offset), Digest: digest, Bytes: piece})
	}
	return protocol.Append(b, id, protocol.End{Size: tree.Size(), Algorithm: protocol.XXH3Tree, Digest: tree.Sum()})
}

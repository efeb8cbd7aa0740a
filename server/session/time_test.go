package session_test

import (
	"strings"
	"testing"
	"time"

	"ftpd/protocol"
	"ftpd/server/session"
	"ftpd/server/storage"
	"ftpd/server/storage/local"
)

func storeOf(t testing.TB, root string) storage.Storage {
	t.Helper()
	store, err := local.Open(root, local.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return store
}

func timeouts(c *session.Config) {
	c.HandshakeTimeout = 10 * time.Second
	c.IdleTimeout = 600 * time.Second
	c.StallTimeout = 60 * time.Second
}

// pass lets time go by, calling Expire when it is due.
func (h *harness) pass(d time.Duration) {
	for end := h.now.Add(d); ; {
		if h.deadline.IsZero() || h.deadline.After(end) {
			h.now = end
			return
		}
		h.now = h.deadline
		h.deadline = time.Time{}
		h.session.Expire(h.now)
		if h.finished != "" || h.aborted != "" {
			return
		}
	}
}

func TestHandshakeTimeout(t *testing.T) {
	h := newHarness(t, timeouts)
	h.pass(9 * time.Second)
	if h.finished != "" {
		t.Fatal("closed early")
	}
	h.pass(2 * time.Second)
	if h.finished != "handshake timeout" || !strings.HasPrefix(string(h.output), "ftpd: ") {
		t.Errorf("closed for %q with %q", h.finished, h.output)
	}
	h = newHarness(t, timeouts)
	for i := range 11 { // a byte now and then does not help
		h.feed(hello()[i : i+1])
		h.pass(time.Second)
	}
	if m := decode[protocol.Error](t, h.frames()[0]); h.finished != "handshake timeout" || m.Code != protocol.Protocol {
		t.Errorf("closed for %q with %+v", h.finished, m)
	}
}

func TestIdleTimeout(t *testing.T) {
	h := greeted(t, timeouts)
	for range 5 {
		h.pass(500 * time.Second)
		final[protocol.Pong](h, protocol.Ping{Position: uint64(h.in)})
	}
	h.pass(601 * time.Second)
	if h.finished != "idle timeout" {
		t.Errorf("closed for %q", h.finished)
	}
	if f := h.frames(); len(f) != 1 || f[0].Opcode != protocol.OpGoaway {
		t.Errorf("the last words are %v", names(f))
	}
}

// TestIdleTimeoutOfSlowFrame sends a frame by one byte at a time: no request is in flight
// before it is whole, so that it does not help.
func TestIdleTimeoutOfSlowFrame(t *testing.T) {
	for _, sent := range [][]byte{nil, protocol.Append(nil, 1, protocol.Stat{Path: "."})} {
		h := greeted(t, timeouts)
		h.exchange(sent)
		frame := protocol.Append(nil, 2, protocol.Stat{Path: strings.Repeat("x", 3000)})
		for i := range 700 {
			h.feed(frame[i : i+1])
			h.pass(time.Second)
		}
		if h.finished != "idle timeout" {
			t.Errorf("closed for %q", h.finished)
		}
	}
}

func TestStallTimeout(t *testing.T) {
	t.Run("client stops sending", func(t *testing.T) {
		h := greeted(t, timeouts)
		h.feed(protocol.Append(nil, 1, protocol.Put{Size: 1 << 20, Path: "p"}))
		h.one()
		h.pass(61 * time.Second)
		if h.aborted != "stall timeout" {
			t.Errorf("closed for %q", h.aborted)
		}
	})
	t.Run("client stops reading", func(t *testing.T) {
		h := greeted(t, timeouts)
		h.write("large", text(40*protocol.BlockSize))
		h.blocked = true
		h.feed(protocol.Append(nil, 1, protocol.Get{Length: protocol.SizeUnknown, Path: "large"}))
		for h.step(0) {
			h.session.Resume(h.now)
		}
		h.pass(61 * time.Second)
		if h.aborted != "stall timeout" {
			t.Errorf("closed for %q", h.aborted)
		}
	})
	t.Run("disk is slow", func(t *testing.T) {
		h := greeted(t, timeouts)
		h.feed(protocol.Append(nil, 1, protocol.Stat{Path: "."}))
		h.pass(500 * time.Second)
		if h.aborted != "" || h.finished != "" {
			t.Fatalf("closed for %q %q while the server was at work", h.aborted, h.finished)
		}
		if f := h.one(); f.Opcode != protocol.OpMeta {
			t.Errorf("answered with %s", f.Opcode)
		}
	})
	t.Run("transfer that moves", func(t *testing.T) {
		h := greeted(t, timeouts)
		content := text(8 * protocol.BlockSize)
		h.feed(protocol.Append(nil, 1, protocol.Put{Size: uint64(len(content)), Path: "p"}))
		h.one()
		frames := blocks(1, content)
		for part := 0; part < len(frames); part += len(frames) / 16 {
			h.feed(frames[part:min(len(frames), part+len(frames)/16)])
			h.run()
			h.pass(50 * time.Second)
		}
		if h.aborted != "" {
			t.Fatalf("closed for %q", h.aborted)
		}
		decode[protocol.OK](t, h.frames()[0])
	})
}

func TestNoTimeouts(t *testing.T) {
	h := greeted(t, func(c *session.Config) { c.HandshakeTimeout, c.IdleTimeout, c.StallTimeout = -1, -1, -1 })
	h.feed(protocol.Append(nil, 1, protocol.Put{Size: 1 << 20, Path: "p"}))
	h.one()
	h.pass(10_000 * time.Hour)
	if h.aborted != "" || h.finished != "" {
		t.Errorf("closed for %q %q", h.aborted, h.finished)
	}
}

func TestDrain(t *testing.T) {
	h := greeted(t)
	h.feed(protocol.Append(nil, 1, protocol.Put{Size: 3, Path: "p"}))
	h.one()
	h.session.Drain(h.now)
	if f := h.one(); f.Opcode != protocol.OpGoaway {
		t.Errorf("the shutdown is told by %s", f.Opcode)
	}
	list := h.exchange(protocol.Append(nil, 2, protocol.Stat{Path: "."}))
	if names(list)[0] != "ERROR shutting_down" {
		t.Errorf("a new request got %v", names(list))
	}
	list = h.exchange(sent(3, protocol.Put{Flags: protocol.PutEager, Size: 1, Path: "q"}, "x"))
	if names(list)[0] != "ERROR shutting_down" {
		t.Errorf("a new PUT got %v", names(list))
	}
	if h.finished != "" {
		t.Fatalf("closed for %q with a request in flight", h.finished)
	}
	decode[protocol.OK](t, h.exchange(blocks(1, "abc"))[0])
	if h.finished != "shutdown" {
		t.Errorf("closed for %q", h.finished)
	}
}

func TestDrainIdle(t *testing.T) {
	for _, greeted := range []bool{false, true} {
		h := newHarness(t)
		if greeted {
			h.greet()
		}
		h.session.Drain(h.now)
		if h.finished != "shutdown" {
			t.Errorf("greeted %v: closed for %q", greeted, h.finished)
		}
		want := map[bool]string{false: "ERROR shutting_down", true: "GOAWAY"}[greeted]
		if got := names(h.frames()); len(got) != 1 || got[0] != want {
			t.Errorf("greeted %v: told by %v, not by %s", greeted, got, want)
		}
	}
}

func TestEOF(t *testing.T) {
	h := greeted(t)
	h.feed(protocol.Append(nil, 1, protocol.Stat{Path: "."}))
	h.session.EOF(h.now)
	if h.aborted != "eof" {
		t.Errorf("closed for %q", h.aborted)
	}
	h = greeted(t)
	h.feed(protocol.Append(nil, 1, protocol.Stat{Path: "."}))
	h.feed(protocol.Append(nil, 0, protocol.Bye{}))
	h.session.EOF(h.now) // said goodbye first: the reply still goes out
	if f := h.one(); f.Opcode != protocol.OpMeta || h.finished != "bye" || h.aborted != "" {
		t.Errorf("answered with %s, closed for %q %q", f.Opcode, h.finished, h.aborted)
	}
}

// TestIdleSoonerThanStall has an idle connection closed in its time also where a
// request had set a later deadline.
func TestIdleSoonerThanStall(t *testing.T) {
	h := greeted(t, func(c *session.Config) { c.IdleTimeout, c.StallTimeout = 3*time.Second, time.Minute })
	h.exchange(protocol.Append(nil, 1, protocol.Stat{Path: "."}))
	if wait := h.deadline.Sub(h.now); wait > 3*time.Second {
		t.Errorf("the deadline is in %v", wait)
	}
	h.now = h.now.Add(4 * time.Second)
	h.session.Expire(h.now)
	if h.finished != "idle timeout" {
		t.Errorf("closed for %q", h.finished)
	}
}

package session_test

import (
	"testing"
	"time"

	"ftpd/protocol"
	"ftpd/server/reactor"
	"ftpd/server/session"
)

// TestMemoryRunsOut has a server without buffers every other time: nothing fails,
// what is small is served, and what is not waits.
func TestMemoryRunsOut(t *testing.T) {
	h := greeted(t)
	content := text(3*protocol.BlockSize + 1)
	h.starved = true
	if rest := h.feed(protocol.Append(nil, 9, protocol.Stat{Path: "."})); len(rest) > 0 {
		t.Error("a small request needs memory")
	}
	h.run()
	decode[protocol.Meta](t, h.one())
	h.starved = false
	rest := h.feed(sent(1, protocol.Put{Flags: protocol.PutEager, Size: uint64(len(content)), Path: "p"}, content))
	for i := 0; len(rest) > 0 || len(h.jobs) > 0; i++ {
		h.starved = i%2 == 0
		rest = h.feed(rest)
		h.step(0)
		h.session.Resume(h.now)
	}
	h.starved = false
	h.again = true
	h.run()
	decode[protocol.OK](t, h.frames()[0])
	if h.read("p") != content {
		t.Error("the file differs")
	}
	h.starved = true
	h.session.Received(h.now, 0)
}

// TestBlockWaitsOutside begins blocks while there is no memory for any: what waits
// holds next to nothing, a block that is whole is stored whatever there is, and so
// no number of connections can keep each other waiting for ever.
func TestBlockWaitsOutside(t *testing.T) {
	h := greeted(t)
	content := text(2 * protocol.BlockSize)
	frames := sent(1, protocol.Put{Flags: protocol.PutEager, Size: uint64(len(content)), Path: "p"}, content)
	h.noBulk, h.share = true, 0
	rest := h.feed(frames)
	if held := h.held(); held > 2*reactor.TinyBuffer {
		t.Errorf("%d bytes are held while memory is waited for", held)
	}
	if len(rest) < len(content)-2*reactor.TinyBuffer {
		t.Errorf("%d bytes of a block were taken for which there is no memory", len(frames)-len(rest))
	}
	h.run()
	for stored := 0; len(rest) > 0; stored++ {
		h.noBulk = false
		h.session.Resume(h.now) // takes the memory at once
		h.noBulk = true
		before := len(rest)
		if rest = h.feed(rest); before-len(rest) < min(before, protocol.BlockSize/2) {
			t.Fatalf("block %d: %d bytes of %d were taken", stored, before-len(rest), before)
		}
		h.run()
		if held := h.held(); held > reactor.TinyBuffer {
			t.Fatalf("block %d: %d bytes are held once it is stored", stored, held)
		}
	}
	decode[protocol.OK](t, h.one())
	if h.read("p") != content {
		t.Error("the file differs")
	}
}

// held returns the bytes of buffers that are lent.
func (h *harness) held() int {
	n := 0
	for b := range h.lent {
		n += len(b.Bytes)
	}
	return n
}

// TestHolding tells since when memory waits for the client, whatever else moves.
func TestHolding(t *testing.T) {
	block := sent(1, protocol.Put{Size: protocol.SizeUnknown, Path: "p"}, text(protocol.BlockSize))
	small := sent(1, protocol.Put{Flags: protocol.PutEager, Size: 5, Path: "p"}, "small")
	for _, c := range []struct {
		name  string
		bytes []byte
		holds bool
	}{
		{"nothing", nil, false},
		{"a part of a small frame", protocol.Append(nil, 1, protocol.Stat{Path: "."})[:13], false},
		{"a part of a block", block[:len(block)-1000], true},
		{"a small file without END", small[:len(small)-1], true},
		{"all", small, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := greeted(t)
			h.feed(c.bytes[:min(len(c.bytes), 60)])
			h.run()
			if len(c.bytes) > 60 {
				h.feed(c.bytes[60:])
				h.run()
			}
			since := h.now
			h.now = h.now.Add(time.Hour)
			h.session.Resume(h.now)
			got := h.session.Holding()
			if got.IsZero() == c.holds || c.holds && got.After(since) {
				t.Errorf("memory is held since %v, want %t at %v", got, c.holds, since)
			}
		})
	}
}

// TestHungryIsBusy has a connection that waits for memory longer than a client may
// be silent: it is not the client's fault.
func TestHungryIsBusy(t *testing.T) {
	h := greeted(t, func(c *session.Config) { c.StallTimeout = time.Second })
	put := protocol.Put{Size: protocol.BlockSize, Path: "p"}
	begin := len(protocol.Append(nil, 1, put))
	frames := sent(1, put, text(protocol.BlockSize))
	h.feed(frames[:begin])
	h.run()
	h.noBulk = true
	h.feed(frames[begin : begin+60])
	for range 3 {
		h.now = h.now.Add(2 * time.Second)
		h.session.Expire(h.now)
	}
	if h.aborted != "" {
		t.Errorf("closed for %q", h.aborted)
	}
}

// TestJobsAreBounded asks and cancels while the pool does nothing: what is on the
// pool stays bounded, though no request is in flight.
func TestJobsAreBounded(t *testing.T) {
	h := greeted(t)
	frames := join(protocol.Append(nil, 1, protocol.Put{Size: 1 << 30, Path: "p"}), protocol.Append(nil, 1, protocol.Cancel{}))
	for range 2000 {
		if rest := h.feed(frames); len(rest) > 0 {
			break
		}
	}
	if n := len(h.jobs); n > 2000/4 {
		t.Errorf("%d jobs are on the pool", n)
	}
	h.again = true
	h.run()
}

// TestEndAfterGoodbye shuts the client's side after BYE while a PUT is being opened
// that waits for the client then.
func TestEndAfterGoodbye(t *testing.T) {
	h := greeted(t)
	h.feed(join(protocol.Append(nil, 1, protocol.Put{Size: 1 << 20, Path: "p"}), protocol.Append(nil, 0, protocol.Bye{})))
	h.session.EOF(h.now)
	if h.aborted != "" {
		t.Errorf("closed for %q before the request had its turn", h.aborted)
	}
	h.run()
	if h.aborted != reactor.ReasonEOF {
		t.Errorf("closed for %q", h.aborted)
	}
}

// TestSmallBesideBulk has transfers hold all memory but the reserve: what is small is
// served, also behind a large file of the same client.
func TestSmallBesideBulk(t *testing.T) {
	h := greeted(t)
	h.write("large", text(3*protocol.BlockSize))
	h.write("small", "content")
	h.noBulk = true
	h.feed(protocol.Append(nil, 1, protocol.Get{Length: protocol.SizeUnknown, Path: "large"}))
	h.run()
	decode[protocol.Meta](t, h.one())
	if list := request(h, 2, protocol.Get{Length: protocol.SizeUnknown, Path: "small"}); len(list) != 3 || list[2].Opcode != protocol.OpEnd {
		t.Errorf("GET of a small file was answered with %v", names(list))
	}
	if list := request(h, 3, protocol.List{}); len(list) != 2 || list[1].Opcode != protocol.OpOK {
		t.Errorf("LIST was answered with %v", names(list))
	}
	h.noBulk = false
	h.again = true
	h.run()
	if list := h.frames(); len(list) != 4 || list[3].Opcode != protocol.OpEnd {
		t.Errorf("the large file came as %v", names(list))
	}
}

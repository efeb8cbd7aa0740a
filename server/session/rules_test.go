package session_test

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"strings"
	"testing"

	"ftpd/protocol"
	"ftpd/server/reactor"
	"ftpd/server/session"
)

// raw is a frame as a hostile client may make it.
func raw(op protocol.Opcode, flags uint16, request uint32, payload string) []byte {
	return protocol.Seal(append([]byte{protocol.Version, byte(op), byte(flags >> 8), byte(flags),
		byte(request >> 24), byte(request >> 16), byte(request >> 8), byte(request),
		byte(len(payload) >> 24), byte(len(payload) >> 16), byte(len(payload) >> 8), byte(len(payload)),
		0, 0, 0, 0, 0, 0, 0, 0}, payload...))
}

// flipped returns a frame of which the last bit is another one.
func flipped(frame []byte) []byte {
	frame = slices.Clone(frame)
	frame[len(frame)-1] ^= 1
	return frame
}

func join(parts ...[]byte) []byte {
	var b []byte
	for _, p := range parts {
		b = append(b, p...)
	}
	return b
}

// What was damaged on the way ends a connection too, and may succeed on the next one.
func TestDamageOnTheWay(t *testing.T) {
	for name, frame := range map[string][]byte{
		"a flipped bit":    flipped(protocol.Append(nil, 1, protocol.Stat{Path: "p"})),
		"a lost frame":     protocol.Append(nil, 1, protocol.Ping{Position: 1 << 20}),
		"a repeated frame": protocol.Append(nil, 1, protocol.Ping{}),
	} {
		h := greeted(t)
		h.feed(frame)
		list := h.frames()
		m := decode[protocol.Error](t, list[len(list)-1])
		if m.Code != protocol.Integrity || !m.Retry || h.finished != "protocol error" {
			t.Errorf("%s: ERROR %s %q, and closed for %q", name, m.Code, m.Message, h.finished)
		}
	}
}

// TestProtocolErrors has what ends a connection, with its typed ERROR.
func TestProtocolErrors(t *testing.T) {
	end := protocol.Append(nil, 1, protocol.End{Algorithm: protocol.XXH3Tree})
	data := protocol.Append(nil, 1, protocol.Data{Bytes: []byte("x")})
	put := protocol.Append(nil, 1, protocol.Put{Flags: protocol.PutEager, Size: 1, Path: "p"})
	stat := protocol.Append(nil, 1, protocol.Stat{Path: "p"})
	many := []byte{}
	for id := range uint32(65) {
		many = protocol.Append(many, id+1, protocol.Put{Flags: protocol.PutEager, Size: 1, Path: "p"})
	}
	for _, c := range []struct {
		name    string
		welcome bool // HELLO came before
		bytes   []byte
		says    string
	}{
		{"stat before hello", false, stat, "not allowed while greeting"},
		{"ping before hello", false, protocol.Append(nil, 0, protocol.Ping{}), "not allowed while greeting"},
		{"second hello", true, hello(), "not allowed while ready"},
		{"bad magic", false, raw(protocol.OpHello, 0, 0, "\x89FTPX\r\n\x1a\x00\x01\x00\x00"), "magic"},
		{"hello without in flight", false, raw(protocol.OpHello, 0, 0, "\x89FTPD\r\n\x1a\x00\x00\x00\x00"), "in flight"},
		{"unknown opcode", true, raw(0x1f, 0, 1, ""), "unknown"},
		{"server's opcode", true, raw(protocol.OpMeta, 0, 1, strings.Repeat("x", 40)), "not sent by this side"},
		{"unknown flags", true, raw(protocol.OpStat, 0x80, 1, "\x00\x01a"), "flags"},
		{"too long", true, raw(protocol.OpStat, 0, 1, strings.Repeat("x", 5000)), "5000 bytes"},
		{"too short", true, raw(protocol.OpStat, 0, 1, ""), "0 bytes"},
		{"field too long", true, raw(protocol.OpStat, 0, 1, "\x00\x09ab"), "short of a field"},
		{"bytes left over", true, raw(protocol.OpStat, 0, 1, "\x00\x01abc"), "too many"},
		{"end of a put by sha256", true, join(put, protocol.Append(nil, 1, protocol.End{Algorithm: protocol.SHA256})), "by the algorithm 2"},
		{"length of a gigabyte", true, protocol.Seal([]byte{1, byte(protocol.OpData), 0, 0, 0, 0, 0, 1, 0x40, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0}), "1073741824 bytes"},
		{"request 0", true, protocol.Append(nil, 0, protocol.Stat{Path: "p"}), "no request number"},
		{"number in use", true, join(put, stat), "already in flight"},
		{"too many in flight", true, many, "more than 64 requests"},
		{"data without put", true, data, "takes none"},
		{"end without put", true, end, "takes none"},
		{"data after end", true, join(put, data, end, data), "takes none"},
		{"data across blocks", true, join(put, protocol.Append(nil, 1, protocol.Data{Offset: 1, Bytes: make([]byte, protocol.BlockSize)})), "block boundary"},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := newHarness(t)
			if c.welcome {
				h.greet()
			}
			h.feed(c.bytes) // no job runs, so that nothing ends by itself
			list := h.frames()
			if len(list) == 0 {
				t.Fatal("no ERROR came")
			}
			last := list[len(list)-1]
			m := decode[protocol.Error](t, last)
			if last.Request != 0 || m.Code != protocol.Protocol || !strings.Contains(m.Message, c.says) {
				t.Errorf("ERROR %s for request %d: %q, which does not say %q", m.Code, last.Request, m.Message, c.says)
			}
			if h.finished != "protocol error" {
				t.Errorf("closed for %q", h.finished)
			}
			h.close()
		})
	}
}

func TestOtherVersion(t *testing.T) {
	h := newHarness(t)
	h.feed(append([]byte{2}, hello()[1:]...))
	// A first byte that is not 1 may be any protocol: the text is for people.
	if got := string(h.output); !strings.HasPrefix(got, "ftpd: ") || !strings.HasSuffix(got, "\r\n") {
		t.Errorf("the answer is %q", got)
	}
	h = greeted(t)
	h.feed(append([]byte{2, 4}, make([]byte, protocol.HeaderLen-2)...))
	if m := decode[protocol.Error](t, h.frames()[0]); m.Code != protocol.Unsupported {
		t.Errorf("ERROR %s", m.Code)
	}
}

func TestForeignProtocols(t *testing.T) {
	for _, greeting := range []string{"GET / HTTP/1.1\r\n", "SSH-2.0-x\r\n", "USER me\r\n", "\x16\x03\x01", "\x00", "\n"} {
		h := newHarness(t)
		h.feed([]byte(greeting))
		if got := string(h.output); !strings.HasPrefix(got, "ftpd: ") || strings.Count(got, "\n") != 1 {
			t.Errorf("%q is answered with %q", greeting, got)
		}
		if h.finished != "foreign protocol" {
			t.Errorf("%q: closed for %q", greeting, h.finished)
		}
	}
}

// TestPutRules has what fails one PUT. The number stays taken, and DATA for it
// is dropped, until the client ends its side.
func TestPutRules(t *testing.T) {
	const block = protocol.BlockSize
	data := func(offset uint64, n int) []byte {
		b := make([]byte, n)
		return protocol.Append(nil, 1, protocol.Data{Offset: offset, Digest: protocol.BlockDigest(b), Bytes: b})
	}
	damaged := protocol.Append(nil, 1, protocol.Data{Bytes: []byte("x")})
	end := func(size uint64) []byte {
		return protocol.Append(nil, 1, protocol.End{Size: size, Algorithm: protocol.XXH3Tree})
	}
	for _, c := range []struct {
		name  string
		size  uint64
		flags protocol.Flags
		bytes []byte
		ended bool
		code  protocol.Code
	}{
		{"data before ready", block, 0, data(0, block), false, protocol.Invalid},
		{"gap", 3 * block, protocol.PutEager, data(block, block), false, protocol.Invalid},
		{"overlap", 3 * block, protocol.PutEager, join(data(0, block), data(0, block)), false, protocol.Invalid},
		{"short block", 3 * block, protocol.PutEager, join(data(0, 10), data(10, 10)), false, protocol.Invalid},
		{"more than announced", 5, protocol.PutEager, data(0, 6), false, protocol.Invalid},
		{"less than announced", 5, protocol.PutEager, join(data(0, 4), end(4)), true, protocol.Invalid},
		{"end tells another size", protocol.SizeUnknown, protocol.PutEager, join(data(0, 4), end(5)), true, protocol.Invalid},
		{"file digest", 4, protocol.PutEager, join(data(0, 4), end(4)), true, protocol.Integrity},
		{"file digest of nothing", 0, protocol.PutEager, end(0), true, protocol.Integrity},
		{"block digest", protocol.SizeUnknown, protocol.PutEager, damaged, false, protocol.Integrity},
		{"version none", 4, protocol.PutEager | protocol.PutIfMatch, blocks(1, "none"), true, protocol.Changed},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := greeted(t)
			h.feed(protocol.Append(nil, 1, protocol.Put{Flags: c.flags, Size: c.size, Path: "p"}))
			h.feed(c.bytes)
			if got := names([]protocol.Frame{h.one()})[0]; got != "ERROR "+c.code.String() {
				t.Fatalf("answered with %s, not %s", got, c.code)
			}
			if !c.ended {
				h.feed(data(0, block)) // still under way: dropped in silence
				h.feed(end(0))
				h.run()
				if list := h.frames(); len(list) > 0 || h.finished != "" {
					t.Errorf("what was under way got %v and %q", names(list), h.finished)
				}
			}
			list := h.exchange(sent(1, protocol.Put{Flags: protocol.PutEager, Size: 2, Path: "p"}, "ok"))
			decode[protocol.OK](t, list[0]) // the number is free
			h.close()
			if entries, err := os.ReadDir(h.root); err != nil || len(entries) > 2 {
				t.Errorf("litter: %v, %v", entries, err)
			}
		})
	}
}

func TestCancel(t *testing.T) {
	large := text(9 * protocol.BlockSize)
	for _, c := range []struct {
		name  string
		bytes []byte
		jobs  int // that run before CANCEL comes
		want  string
	}{
		{"get opening", protocol.Append(nil, 1, protocol.Get{Length: protocol.SizeUnknown, Path: "large"}), 0, "ERROR cancelled"},
		{"get sending", protocol.Append(nil, 1, protocol.Get{Length: protocol.SizeUnknown, Path: "large"}), 2, "ERROR cancelled"},
		{"list", protocol.Append(nil, 1, protocol.List{Path: "."}), 0, "ERROR cancelled"},
		{"sum", protocol.Append(nil, 1, protocol.Sum{Algorithm: protocol.XXH3Tree, Path: "large"}), 0, "ERROR cancelled"},
		{"sum by SHA-256", protocol.Append(nil, 1, protocol.Sum{Algorithm: protocol.SHA256, Path: "large"}), 0, "ERROR cancelled"},
		{"put opening", protocol.Append(nil, 1, protocol.Put{Size: 1 << 20, Path: "p"}), 0, "ERROR cancelled"},
		{"put receiving", protocol.Append(nil, 1, protocol.Put{Size: 1 << 20, Path: "p"}), 1, "ERROR cancelled"},
		{"put small", protocol.Append(nil, 1, protocol.Put{Flags: protocol.PutEager, Size: 9, Path: "p"}), 0, "ERROR cancelled"},
		{"put committing", sent(1, protocol.Put{Flags: protocol.PutEager, Size: 2, Path: "p"}, "ok"), 0, "OK"},
		{"stat", protocol.Append(nil, 1, protocol.Stat{Path: "."}), 0, "META"},
		{"unknown", nil, 0, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			h := greeted(t)
			h.blocked = true
			h.write("large", large)
			h.feed(c.bytes)
			for range c.jobs {
				h.step(0)
			}
			h.feed(protocol.Append(nil, 1, protocol.Cancel{}))
			h.blocked = false
			h.run()
			list := h.frames()
			last := ""
			if len(list) > 0 {
				last = names(list)[len(list)-1]
			}
			if last != c.want {
				t.Errorf("the last reply is %q, not %q", last, c.want)
			}
			final[protocol.Meta](h, protocol.Stat{Path: "large"})
			h.exchange(protocol.Append(nil, 1, protocol.Cancel{}))
			h.close()
		})
	}
}

// TestCloseAnywhere cuts the connection at every point of a conversation; the
// harness checks that every buffer comes back, and here that every file does.
func TestCloseAnywhere(t *testing.T) {
	large := text(9 * protocol.BlockSize)
	script := join(
		protocol.Append(nil, 1, protocol.Get{Length: protocol.SizeUnknown, Path: "large"}),
		protocol.Append(nil, 2, protocol.List{Flags: protocol.ListRecursive}),
		protocol.Append(nil, 3, protocol.Put{Flags: protocol.PutEager, Size: uint64(len(large)), Path: "p"}),
		blocks(3, large),
		protocol.Append(nil, 4, protocol.Sum{Algorithm: protocol.XXH3Tree, Path: "large"}),
		sent(5, protocol.Put{Flags: protocol.PutEager, Size: 5, Path: "q"}, "small"),
	)
	root := t.TempDir()
	if err := os.WriteFile(root+"/large", []byte(large), 0o644); err != nil {
		t.Fatal(err)
	}
	before := openFiles(t)
	for steps := range 40 {
		t.Run(fmt.Sprintf("after %d jobs", steps), func(t *testing.T) {
			h := newHarnessOn(t, root, storeOf(t, root))
			h.greet()
			rest := script
			for range steps {
				rest = h.feed(rest)
				h.step(0)
				h.resume()
			}
		})
	}
	if after := openFiles(t); after != before {
		t.Errorf("%d descriptors were open before and %d are after", before, after)
	}
	if got, err := os.ReadFile(root + "/p"); err == nil && string(got) != large || err != nil && !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the target holds %d bytes, %v", len(got), err)
	}
}

func openFiles(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir("/dev/fd")
	if err != nil {
		t.Skipf("descriptors cannot be counted here: %v", err)
	}
	return len(list)
}

// TestCancelWhileWaiting has a server out of memory, and a client that asks and
// cancels all the while: nothing of what it cancelled is kept.
func TestCancelWhileWaiting(t *testing.T) {
	h := greeted(t)
	h.write("large", text(3*protocol.BlockSize))
	h.noBulk = true
	h.feed(protocol.Append(nil, 1, protocol.Get{Length: protocol.SizeUnknown, Path: "large"}))
	frames := join(
		protocol.Append(nil, 2, protocol.Get{Length: protocol.SizeUnknown, Path: "large"}), protocol.Append(nil, 2, protocol.Cancel{}),
		protocol.Append(nil, 2, protocol.List{}), protocol.Append(nil, 2, protocol.Cancel{}),
		protocol.Append(nil, 2, protocol.Sum{Algorithm: protocol.XXH3Tree, Path: "large"}), protocol.Append(nil, 2, protocol.Cancel{}),
	)
	for range 1000 {
		if rest := h.feed(frames); len(rest) > 0 {
			t.Fatal("the session takes no input")
		}
		h.frames()
	}
	if n := h.session.(*session.Session).InLine(); n > 4 {
		t.Errorf("%d requests are in line, of which one was not cancelled", n)
	}
	h.noBulk = false
	h.again = true
	h.run()
	if list := h.frames(); list[len(list)-1].Opcode != protocol.OpEnd {
		t.Errorf("the first request ended in %v", names(list))
	}
}

// TestShare has a connection whose share of the memory is used up: it reads
// ahead no more than one block, and still comes to its end.
func TestShare(t *testing.T) {
	h := greeted(t)
	h.write("large", text(9*protocol.BlockSize))
	h.share = 0
	h.blocked = true
	h.feed(protocol.Append(nil, 1, protocol.Get{Length: protocol.SizeUnknown, Path: "large"}))
	for h.step(0) {
		h.session.Resume(h.now)
	}
	if len(h.output) > reactor.LargeBuffer || !h.session.Paused() {
		t.Errorf("%d bytes are queued", len(h.output))
	}
	h.blocked = false
	h.again = true
	h.run()
	if list := h.frames(); len(list) != 11 || list[10].Opcode != protocol.OpEnd {
		t.Errorf("the reply is %v", names(list))
	}
	content := text(3 * protocol.BlockSize)
	decode[protocol.OK](t, h.exchange(sent(2, protocol.Put{Flags: protocol.PutEager, Size: uint64(len(content)), Path: "p"}, content))[0])
	decode[protocol.OK](t, h.exchange(sent(3, protocol.Put{Flags: protocol.PutEager, Size: 5, Path: "q"}, "small"))[0])
}

// TestBackpressure has a client that does not read: a bounded part of its file
// is read ahead, and its input waits.
func TestBackpressure(t *testing.T) {
	h := greeted(t)
	h.write("large", text(40*protocol.BlockSize))
	h.blocked = true
	h.feed(protocol.Append(nil, 1, protocol.Get{Length: protocol.SizeUnknown, Path: "large"}))
	for h.step(0) {
		h.session.Resume(h.now)
	}
	if queued := len(h.output); queued > 3<<20 || queued < 1<<20 {
		t.Errorf("%d bytes are queued for a client that does not read", queued)
	}
	for i := range uint32(1 << 16) {
		if h.session.Paused() {
			break
		}
		h.feed(protocol.Append(nil, 1000+i, protocol.Ping{Position: uint64(h.in), Content: make([]byte, protocol.MaxPing)}))
	}
	if !h.session.Paused() {
		t.Error("a client that does not read is still read from")
	}
	h.blocked = false
	h.again = true
	h.run()
	if list := h.frames(); list[len(list)-1].Opcode == protocol.OpError {
		t.Errorf("the transfer ended in %v", names(list[len(list)-1:]))
	}
}

// TestBackpressureOfStorage has a disk that does not keep up with the client.
func TestBackpressureOfStorage(t *testing.T) {
	h := greeted(t)
	content := text(40 * protocol.BlockSize)
	h.feed(protocol.Append(nil, 1, protocol.Put{Size: uint64(len(content)), Path: "p"}))
	h.one()
	rest := h.feed(blocks(1, content))
	if len(rest) < 30*protocol.BlockSize {
		t.Errorf("%d of %d bytes were taken before one was written", len(content)-len(rest), len(content))
	}
	list := h.exchange(rest)
	decode[protocol.OK](t, list[0])
}

// TestManyOpenSmallPuts has as many small files under way as are allowed, all
// before the first END: what is kept in memory for them is bounded, and input
// is taken all the same.
func TestManyOpenSmallPuts(t *testing.T) {
	h := greeted(t)
	content := text(60 << 10)
	var begin, end []byte
	for id := range uint32(64) {
		frames := sent(id+1, protocol.Put{Flags: protocol.PutEager, Size: uint64(len(content)), Path: fmt.Sprint("p", id)}, content)
		tail := len(frames) - len(protocol.Append(nil, 1, protocol.End{}))
		begin = append(begin, frames[:tail]...)
		end = append(end, frames[tail:]...)
	}
	if list := h.exchange(begin); len(list) > 0 {
		t.Errorf("replies before END: %v", names(list))
	}
	held := 0
	for b := range h.lent {
		held += len(b.Bytes)
	}
	if held > 1<<20 {
		t.Errorf("%d bytes of buffers are held for files that may never come whole", held)
	}
	if list := h.exchange(end); len(list) != 64 || list[63].Opcode != protocol.OpOK {
		t.Errorf("%d replies: %v", len(list), names(list))
	}
	for id := range 64 {
		if h.read(fmt.Sprint("p", id)) != content {
			t.Fatalf("file %d differs", id)
		}
	}
}

func TestFullServer(t *testing.T) {
	for why, reason := range map[reactor.Full]reactor.Reason{
		reactor.ServerFull:  "too many clients",
		reactor.AddressFull: "too many from one address",
	} {
		h := newHarness(t)
		full := session.NewFactory(session.Config{Logger: slog.New(slog.DiscardHandler)}).Session(reactor.Peer{Full: why})
		full.Open(h.now, h)
		m := decode[protocol.Error](t, h.frames()[0])
		if m.Code != protocol.Busy || !m.Retry || !strings.Contains(m.Message, "again in 10s") || h.finished != reason {
			t.Errorf("%s: a full server says %+v and closes for %q", reason, m, h.finished)
		}
		full.Closed(h.now, h.finished)
	}
}

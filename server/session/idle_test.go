package session_test

import (
	"runtime"
	"testing"
	"time"
	"unsafe"

	"ftpd/protocol"
	"ftpd/server/reactor"
	"ftpd/server/session"
)

// TestIdleHoldsNothing has every kind of request, whole and failed, leave a session
// with nothing but what an idle one needs.
func TestIdleHoldsNothing(t *testing.T) {
	large := text(9 * protocol.BlockSize)
	get := func(path string) []byte {
		return protocol.Append(nil, 1, protocol.Get{Length: protocol.SizeUnknown, Path: path})
	}
	for name, frames := range map[string][]byte{
		"nothing":   nil,
		"ping":      protocol.Append(nil, 1, protocol.Ping{}),
		"stat":      protocol.Append(nil, 1, protocol.Stat{Path: "small"}),
		"list":      protocol.Append(nil, 1, protocol.List{}),
		"get small": get("small"),
		"get large": get("large"),
		"get none":  get("none"),
		"put small": sent(1, protocol.Put{Flags: protocol.PutEager, Size: 5, Path: "p"}, "small"),
		"put large": sent(1, protocol.Put{Flags: protocol.PutEager, Size: uint64(len(large)), Path: "p"}, large),
		"put fails": sent(1, protocol.Put{Flags: protocol.PutEager | protocol.PutCreateOnly, Size: 5, Path: "small"}, "small"),
		"sum":       protocol.Append(nil, 1, protocol.Sum{Algorithm: protocol.SHA256, Path: "large"}),
		"remove":    protocol.Append(nil, 1, protocol.Remove{Path: "none"}),
		"cancel":    join(get("large"), protocol.Append(nil, 1, protocol.Cancel{})),
		"many":      join(get("large"), protocol.Append(nil, 2, protocol.Stat{Path: "small"}), protocol.Append(nil, 3, protocol.List{})),
	} {
		t.Run(name, func(t *testing.T) {
			h := greeted(t)
			h.write("small", "1")
			h.write("large", large)
			idle := h.session.(*session.Session).Idle
			if !idle() {
				t.Error("it is not idle before")
			}
			h.exchange(frames)
			h.run()
			if !idle() {
				t.Error("it is not idle behind")
			}
			final[protocol.Meta](h, protocol.Stat{Path: "small"})
		})
	}
}

// TestPartOfAFrameIsNotIdle splits a frame: what has come of it stays.
func TestPartOfAFrameIsNotIdle(t *testing.T) {
	h := greeted(t)
	frame := protocol.Append(nil, 1, protocol.Ping{Content: []byte("here")})
	for i := range frame {
		h.feed(frame[i : i+1])
		h.session.Resume(h.now)
		if idle := h.session.(*session.Session).Idle(); idle != (i == len(frame)-1) {
			t.Fatalf("with %d bytes of %d it is idle: %t", i+1, len(frame), idle)
		}
	}
	if f := h.one(); f.Opcode != protocol.OpPong {
		t.Errorf("the reply is %s", f.Opcode)
	}
}

// TestIdleSize pins what the largest part of the memory of 100,000 idle connections is
// made of. The allocator's next size is 144 bytes.
func TestIdleSize(t *testing.T) {
	if size := unsafe.Sizeof(session.Session{}); size > 128 && unsafe.Sizeof(uintptr(0)) == 8 {
		t.Errorf("an idle session has %d bytes", size)
	}
}

// nobody is the link of a session that says nothing.
type nobody struct{ reactor.Link }

func (nobody) SetDeadline(time.Time)             {}
func (nobody) Moved() time.Time                  { return time.Time{} }
func (nobody) Queued() int                       { return 0 }
func (nobody) Share() int                        { return 1 << 20 }
func (nobody) Reserve(n int) []byte              { return make([]byte, 0, n) }
func (nobody) Commit([]byte)                     {}
func (nobody) Scratch() []byte                   { return scratch[:] }
func (nobody) Counts() (int64, int64)            { return 0, 0 }
func (nobody) Release(*reactor.Buffer)           {}
func (nobody) Again()                            {}
func (nobody) Hungry() bool                      { return false }
func (nobody) Finish(reactor.Reason)             {}
func (nobody) Abort(reactor.Reason)              {}
func (nobody) Take(int) *reactor.Buffer          { return nil }
func (nobody) Offload(reactor.Lane, reactor.Job) {}

var scratch [reactor.MediumBuffer]byte

// BenchmarkIdle makes 100,000 sessions that have greeted, and tells the memory of each.
func BenchmarkIdle(b *testing.B) {
	const count = 100_000
	now := time.Unix(1_700_000_000, 0)
	factory := session.NewFactory(session.Config{})
	for b.Loop() {
		before := heap()
		sessions := make([]reactor.Session, count)
		for i := range sessions {
			s := factory.Session(reactor.Peer{})
			s.Open(now, nobody{})
			s.Received(now, copy(s.Input(now), hello()))
			sessions[i] = s
		}
		b.ReportMetric(float64(heap()-before)/count, "B/session")
		runtime.KeepAlive(sessions)
	}
}

// heap returns the bytes in use.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

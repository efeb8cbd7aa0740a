package session_test

import (
	"fmt"
	"testing"

	"ftpd/protocol"
	"ftpd/server/reactor"
)

// benchmarkExchange sends the same frames again and again and drops the
// replies; jobs run in between, as the loop would have them run.
func benchmarkExchange(b *testing.B, h *harness, frames []byte, bytes int) {
	h.free = map[int][]*reactor.Buffer{}
	b.SetBytes(int64(bytes))
	b.ReportAllocs()
	for b.Loop() {
		for rest := frames; len(rest) > 0 || len(h.jobs) > 0; {
			rest = h.feed(rest)
			h.run()
		}
		h.sent = h.sent[:0]
	}
}

func BenchmarkGet(b *testing.B) {
	for _, size := range []int{4 << 10, 16 << 20} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			h := greeted(b)
			h.write("f", text(size))
			benchmarkExchange(b, h, protocol.Append(nil, 1, protocol.Get{Length: protocol.SizeUnknown, Path: "f"}), size)
		})
	}
}

func BenchmarkPut(b *testing.B) {
	for _, size := range []int{4 << 10, 16 << 20} {
		b.Run(fmt.Sprint(size), func(b *testing.B) {
			h := greeted(b)
			benchmarkExchange(b, h, sent(1, protocol.Put{Flags: protocol.PutEager, Size: uint64(size), Mtime: 1, Path: "f"}, text(size)), size)
		})
	}
}

func BenchmarkStat(b *testing.B) {
	h := greeted(b)
	benchmarkExchange(b, h, protocol.Append(nil, 1, protocol.Stat{Path: "."}), 0)
}

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
	benchmarkExchanges(b, h, [][]byte{frames}, bytes)
}

// benchmarkExchanges is benchmarkExchange with several in turn.
func benchmarkExchanges(b *testing.B, h *harness, frames [][]byte, bytes int) {
	h.free = map[int][]*reactor.Buffer{}
	b.SetBytes(int64(bytes))
	b.ReportAllocs()
	for i := 0; b.Loop(); i++ {
		h.exchangeAll(frames[i%len(frames)])
	}
}

// exchangeAll feeds frames, has the jobs run in between, and drops the replies.
func (h *harness) exchangeAll(frames []byte) {
	for len(frames) > 0 || len(h.jobs) > 0 {
		frames = h.feed(frames)
		h.run()
	}
	h.sent = h.sent[:0]
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
			var frames [][]byte
			for i := range max(1, 4<<20/size) { // one name that is taken again at once has to wait
				put := protocol.Put{Flags: protocol.PutEager, Size: uint64(size), Mtime: 1, Path: fmt.Sprint("f", i)}
				frames = append(frames, sent(1, put, text(size)))
			}
			benchmarkExchanges(b, h, frames, size)
		})
	}
}

func BenchmarkStat(b *testing.B) {
	h := greeted(b)
	benchmarkExchange(b, h, protocol.Append(nil, 1, protocol.Stat{Path: "."}), 0)
}

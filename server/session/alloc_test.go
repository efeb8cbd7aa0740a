package session_test

import (
	"bytes"
	"fmt"
	"testing"

	"ftpd/protocol"
	"ftpd/server/reactor"
)

// TestAllocations pins what a transfer allocates in the session and in storage: nothing
// for each block of a large file, and so much for a small one.
func TestAllocations(t *testing.T) {
	if raceDetector {
		t.Skip("the race detector allocates as well")
	}
	const few, many, small = 20, 84, 4 << 10
	h := greeted(t)
	h.free = map[int][]*reactor.Buffer{}
	allocated := func(runs int, frames ...[]byte) float64 {
		i := 0
		return testing.AllocsPerRun(runs, func() {
			h.exchangeAll(frames[i%len(frames)])
			i++
		})
	}
	get := func(path string) []byte {
		return protocol.Append(nil, 1, protocol.Get{Length: protocol.SizeUnknown, Path: path})
	}
	put := func(path string, size int) []byte {
		return sent(1, protocol.Put{Flags: protocol.PutEager, Size: uint64(size), Mtime: 1, Path: path}, text(size))
	}
	for _, blocks := range []int{few, many} {
		h.write(fmt.Sprint(blocks), text(blocks*protocol.BlockSize))
	}
	h.write("small", text(small))
	var puts [][]byte
	for i := range 101 {
		puts = append(puts, put(fmt.Sprint("small", i), small))
	}
	for what, got := range map[string]float64{
		"a further block of a GET": allocated(3, get(fmt.Sprint(many))) - allocated(3, get(fmt.Sprint(few))),
		"a further block of a PUT": allocated(3, put("new", many*protocol.BlockSize)) - allocated(3, put("new", few*protocol.BlockSize)),
	} {
		if got /= many - few; got > 0.1 {
			t.Errorf("%s allocates %.2f times", what, got)
		}
	}
	var gets, together [][]byte
	for i := range 16 {
		gets = append(gets, protocol.Append(nil, uint32(i+1), protocol.Get{Length: protocol.SizeUnknown, Path: "small"}))
	}
	for i := range 101 {
		var frames []byte
		for n := range 16 {
			path := fmt.Sprintf("together%d-%d", i, n)
			frames = append(frames, sent(uint32(n+1), protocol.Put{Flags: protocol.PutEager, Size: small, Mtime: 1, Path: path}, text(small))...)
		}
		together = append(together, frames)
	}
	for _, pin := range []struct {
		what      string
		most, got float64
	}{
		{"a GET of a small file", 10, allocated(100, get("small"))},
		{"a PUT of a small file", 19, allocated(100, puts...)},
		{"a GET of one of 16 small files", 5, allocated(100, bytes.Join(gets, nil)) / 16},
		{"a PUT of one of 16 small files", 14, allocated(100, together...) / 16},
	} {
		t.Logf("%s: %.1f allocations", pin.what, pin.got)
		if pin.got > pin.most {
			t.Errorf("%s allocates %.1f times, and not %v at most", pin.what, pin.got, pin.most)
		}
	}
}

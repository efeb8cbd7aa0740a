package session_test

import (
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
	if got := allocated(100, get("small")); got > 6 {
		t.Errorf("a GET of a small file allocates %.0f times", got)
	}
	if got := allocated(100, puts...); got > 14 {
		t.Errorf("a PUT of a small file allocates %.0f times", got)
	}
}

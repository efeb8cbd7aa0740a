package session_test

import (
	"fmt"
	"testing"

	"ftpd/protocol"
)

// TestStagedPutsAreBounded has a client that begins many PUTs and sends nothing: only so
// many are staged, and each that ends lets another one begin.
func TestStagedPutsAreBounded(t *testing.T) {
	const puts, most = 300, 128
	h := newHarness(t)
	h.exchange(protocol.Append(nil, 0, protocol.Hello{InFlight: 2 * puts, Agent: "tester"}))
	var frames []byte
	for id := uint32(1); id <= puts; id++ {
		frames = append(frames, protocol.Append(nil, id, protocol.Put{Size: 1 << 20, Mtime: protocol.NoTime, Path: fmt.Sprintf("f%d", id)})...)
	}
	ready := byRequest(h.exchange(frames))
	if len(ready) != most {
		t.Errorf("%d PUTs were answered by READY, want %d", len(ready), most)
	}
	h.exchange(protocol.Append(nil, puts, protocol.Cancel{})) // in line
	for answered := 0; answered < puts-1; {
		var cancels []byte
		if answered += len(ready); len(ready) == 0 {
			t.Fatalf("%d of %d PUTs were answered", answered, puts-1)
		}
		for id := range ready {
			cancels = append(cancels, protocol.Append(nil, id, protocol.Cancel{})...)
		}
		next := map[uint32][]protocol.Frame{}
		for id, replies := range byRequest(h.exchange(cancels)) {
			if replies[0].Opcode == protocol.OpReady {
				next[id] = replies
			}
		}
		ready = next
	}
}

package session_test

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"testing"

	"ftpd/protocol"
)

// FuzzSession feeds frames that a client could send, in any order and cut
// anywhere, and runs the jobs whenever the input says so. Whatever comes: no
// panic, never more final replies than requests, memory within bounds, and a
// closed connection holds nothing (the harness checks that).
func FuzzSession(f *testing.F) {
	for _, seed := range seeds() {
		f.Add(seed, uint64(7))
	}
	f.Fuzz(func(t *testing.T, input []byte, choices uint64) {
		h := greeted(t)
		h.write("file", text(70<<10))
		h.write("dir/small", "content")
		rest := input
		for i := 0; len(rest) > 0 && h.finished == "" && h.aborted == ""; i++ {
			choice := choices >> (i % 60) & 3
			if choice == 0 || h.session.Paused() {
				h.run()
			}
			cut := min(len(rest), 1+int(choice)*1997)
			paused := h.session.Paused()
			left := h.feed(rest[:cut])
			if paused && len(left) == cut && h.finished == "" {
				t.Fatal("all jobs have run, and the session takes no input")
			}
			rest = rest[cut-len(left):]
			if lent := len(h.lent); lent > 200 {
				t.Fatalf("%d buffers are lent to one connection", lent)
			}
		}
		h.run()
		asked, answered := requestsIn(input), map[uint32]int{}
		for _, frame := range h.frames() {
			switch frame.Opcode {
			case protocol.OpEnd, protocol.OpOK, protocol.OpError, protocol.OpPong:
				answered[frame.Request]++
			}
		}
		for id, n := range answered {
			if id != 0 && n > asked[id] {
				t.Errorf("request %d was made %d times and answered %d times", id, asked[id], n)
			}
		}
	})
}

// requestsIn counts the requests in a stream of frames by their numbers.
func requestsIn(input []byte) map[uint32]int {
	asked := map[uint32]int{}
	d := protocol.NewDecoder(protocol.Client)
	d.Attach(make([]byte, protocol.BlockBuffer))
	for {
		frame, ok, err := d.Next()
		switch {
		case err != nil || !ok && len(input) == 0:
			return asked
		case !ok:
			n := copy(d.Space(), input)
			d.Advance(n)
			input = input[n:]
		case frame.Opcode != protocol.OpData && frame.Opcode != protocol.OpEnd && frame.Opcode != protocol.OpCancel:
			asked[frame.Request]++
		}
	}
}

// seeds are conversations to begin with.
func seeds() [][]byte {
	list := [][]byte{
		sent(1, protocol.Put{Flags: protocol.PutEager, Size: 3, Path: "a"}, "abc"),
		sent(1, protocol.Put{Flags: protocol.PutEager | protocol.PutParents, Size: protocol.SizeUnknown, Path: "x/y/a"}, text(66<<10)),
		sent(1, protocol.Put{Flags: protocol.PutEager, Size: 40 << 10, Path: "big"}, text(40<<10)),
		protocol.Append(nil, 1, protocol.Get{Length: protocol.SizeUnknown, Path: "file"}),
		protocol.Append(nil, 2, protocol.Get{Offset: 5, Length: 9, Path: "dir/small"}),
		protocol.Append(nil, 3, protocol.List{Flags: protocol.ListRecursive}),
		protocol.Append(nil, 4, protocol.Stat{Path: "dir"}),
		protocol.Append(nil, 5, protocol.Mkdir{Flags: protocol.MkdirParents, Path: "p/q"}),
		protocol.Append(nil, 6, protocol.Rename{From: "file", To: "dir/file"}),
		protocol.Append(nil, 7, protocol.Remove{Flags: protocol.RemoveRecursive, Path: "dir"}),
		protocol.Append(nil, 8, protocol.Sum{Algorithm: protocol.XXH3Tree, Path: "file"}),
		protocol.Append(nil, 9, protocol.Ping{Content: []byte("x")}),
		protocol.Append(nil, 1, protocol.Cancel{}),
		protocol.Append(nil, 0, protocol.Bye{}),
	}
	list = append(list, bytes.Join(list, nil), join(list[3], list[12], list[3], list[12]), join(list[2][:30_000], list[12], list[0]))
	golden, _ := filepath.Glob("../../testdata/frames/hostile-*.hex")
	for _, path := range golden {
		if b, err := os.ReadFile(path); err == nil {
			list = append(list, b)
		}
	}
	return list
}

// FuzzStates walks through conversations: see walk. Whatever happens, no request
// gets two final replies, each that was taken gets one unless the connection ends,
// the two sides agree about what is in flight, memory stays within its bound, and a
// connection that is closed holds nothing.
func FuzzStates(f *testing.F) {
	for _, seed := range walks() {
		f.Add(seed)
	}
	template := walkFiles(f)
	f.Fuzz(func(t *testing.T, program []byte) { newWalk(t, template, program).run() })
}

// walks are programs to begin with: random ones, of which most steps get on.
func walks() (list [][]byte) {
	for i := range uint64(200) {
		random := rand.New(rand.NewPCG(i, 1))
		program := make([]byte, 100+20*i)
		for k := range program {
			program[k] = byte(random.Uint32())
		}
		list = append(list, program)
	}
	return list
}

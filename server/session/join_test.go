package session_test

import (
	"fmt"
	"testing"

	"ftpd/protocol"
)

// joined is the frames of a piece of resumedPut(1): DATA from one offset to another
// and END.
func joined(id uint32, content string, from, to int) []byte {
	m := resumedPut(1)
	m.Flags = protocol.PutEager | protocol.PutJoin
	return append(protocol.Append(nil, id, m), pieceOf(id, content, from, to)...)
}

// pieceOf is the DATA and END of a piece.
func pieceOf(id uint32, content string, from, to int) []byte {
	var tree protocol.Tree
	for at := from; at < to; {
		end := int(protocol.BlockEnd(uint64(at), uint64(to)))
		tree.Add(protocol.BlockDigest([]byte(content[at:end])), end-at)
		at = end
	}
	return protocol.Append(dataFrom(id, content, from, to), id, protocol.End{Size: uint64(to - from), Algorithm: protocol.XXH3Tree, Digest: tree.Sum()})
}

// spreadPut begins a PUT SPREAD and returns its READY, with the sessions that pieces
// come by: the first is its own.
func spreadPut(t *testing.T, offset uint64) (hs []*harness, ready protocol.Ready) {
	t.Helper()
	root, store := sharedStore(t)
	if offset > 0 {
		h := newHarnessOn(t, root, store)
		h.greet()
		request(h, 1, resumedPut(1))
		h.exchange(dataFrom(1, text(resumedSize), 0, int(offset)))
		h.close()
	}
	for range 3 {
		h := newHarnessOn(t, root, store)
		h.greet()
		hs = append(hs, h)
	}
	m := resumedPut(1)
	m.Flags = protocol.PutSpread
	ready = decode[protocol.Ready](t, request(hs[0], 1, m)[0])
	if ready.Flags != protocol.ReadySpread || ready.Offset != offset {
		t.Fatalf("READY is %+v", ready)
	}
	return hs, ready
}

func wantNames(t *testing.T, what string, list []protocol.Frame, want string) {
	t.Helper()
	if got := fmt.Sprint(names(list)); got != want {
		t.Errorf("%s was answered with %s, want %s", what, got, want)
	}
}

const bs = protocol.BlockSize

// A file comes in pieces over several connections, in any order and one twice, and is
// there once END has come.
func TestPutInPieces(t *testing.T) {
	content := text(resumedSize)
	for _, offset := range []uint64{0, 2 * bs} {
		hs, ready := spreadPut(t, offset)
		wantNames(t, "the end of the file", hs[1].exchange(joined(1, content, 3*bs, resumedSize)), "[OK]")
		wantNames(t, "one block", hs[2].exchange(joined(1, content, 2*bs, 3*bs)), "[OK]")
		wantNames(t, "the same block", hs[0].exchange(joined(2, content, 2*bs, 3*bs)), "[OK]")
		if offset == 0 {
			wantNames(t, "the beginning", hs[2].exchange(joined(2, content, 0, 2*bs)), "[OK]")
		}
		ok := decode[protocol.OK](t, hs[0].exchange(endFrom(1, content, ready))[0])
		if ok.Count != resumedSize || ok.ETag == 0 || hs[0].read("p") != content {
			t.Errorf("%+v, and the file is not what was sent", ok)
		}
		wantNames(t, "a piece that is late", hs[1].exchange(joined(3, content, 0, bs)), "[ERROR not_found]")
	}
}

// What a piece is not to be is refused, and changes nothing of the file.
func TestPieceIsRefused(t *testing.T) {
	content := text(resumedSize)
	m := resumedPut(1)
	m.Flags = protocol.PutEager | protocol.PutJoin
	with := func(change func(*protocol.Put)) []byte {
		other := m
		change(&other)
		return append(protocol.Append(nil, 5, other), pieceOf(5, content, 0, bs)...)
	}
	whole := protocol.Append(nil, 5, m)
	end := protocol.Append(nil, 5, protocol.Cancel{})
	for name, test := range map[string]struct {
		frames []byte
		want   string
	}{
		"another path":       {with(func(p *protocol.Put) { p.Path = "q" }), "[ERROR not_found]"},
		"another source":     {with(func(p *protocol.Put) { p.Source++ }), "[ERROR not_found]"},
		"another version":    {with(func(p *protocol.Put) { p.Version++ }), "[ERROR not_found]"},
		"another size":       {with(func(p *protocol.Put) { p.Size++ }), "[ERROR not_found]"},
		"unknown size":       {with(func(p *protocol.Put) { p.Size = protocol.SizeUnknown }), "[ERROR not_found]"},
		"without EAGER":      {with(func(p *protocol.Put) { p.Flags = protocol.PutJoin }), "[ERROR invalid]"},
		"a gap":              {append(append(append([]byte{}, whole...), dataFrom(5, content, 0, bs)...), append(dataFrom(5, content, 2*bs, 3*bs), end...)...), "[ERROR invalid]"},
		"a piece of a block": {append(append(append([]byte{}, whole...), dataFrom(5, content, 0, 100)...), end...), "[ERROR invalid]"},
		"inside a block":     {append(append(append([]byte{}, whole...), dataFrom(5, content, 100, bs)...), end...), "[ERROR invalid]"},
		"behind the file":    {append(append(append([]byte{}, whole...), dataFrom(5, content+text(bs), 5*bs, 5*bs+3)...), end...), "[ERROR invalid]"},
		"cancelled":          {append(append(append([]byte{}, whole...), dataFrom(5, content, 0, bs)...), end...), "[ERROR cancelled]"},
	} {
		t.Run(name, func(t *testing.T) {
			hs, ready := spreadPut(t, 0)
			wantNames(t, name, hs[1].exchange(test.frames), test.want)
			wantNames(t, "the file", hs[2].exchange(joined(5, content, 0, resumedSize)), "[OK]")
			wantNames(t, "END", hs[0].exchange(endFrom(1, content, ready)), "[OK]")
			if hs[0].read("p") != content {
				t.Error("the file is not what was sent")
			}
		})
	}
}

// A block that arrives damaged fails its piece, which can be sent again; its END may
// tell of another piece.
func TestPieceIsDamaged(t *testing.T) {
	content := text(resumedSize)
	hs, ready := spreadPut(t, 0)
	m := resumedPut(1)
	m.Flags = protocol.PutEager | protocol.PutJoin
	damage := []byte(content)
	data := protocol.Data{Digest: protocol.BlockDigest(damage[:bs]), Bytes: damage[1 : bs+1]}
	damaged := protocol.Append(protocol.Append(nil, 5, m), 5, data)
	wantNames(t, "a damaged block", hs[1].exchange(damaged), "[ERROR integrity]")
	wantNames(t, "CANCEL of it", hs[1].exchange(protocol.Append(nil, 5, protocol.Cancel{})), "[]")
	other := append(protocol.Append(nil, 6, m), dataFrom(6, content, 0, bs)...)
	other = append(other, protocol.Append(nil, 6, protocol.End{Size: bs, Algorithm: protocol.XXH3Tree})...)
	wantNames(t, "END with another digest", hs[1].exchange(other), "[ERROR integrity]")
	wantNames(t, "the file", hs[1].exchange(joined(7, content, 0, resumedSize)), "[OK]")
	wantNames(t, "END", hs[0].exchange(endFrom(1, content, ready)), "[OK]")
}

// The END of a PUT SPREAD is held to its blocks, and the PUT takes no DATA itself.
func TestPiecesAreMissing(t *testing.T) {
	content := text(resumedSize)
	end := func(h *harness, size uint64, digest protocol.Digest) []protocol.Frame {
		return h.exchange(protocol.Append(nil, 1, protocol.End{Size: size, Algorithm: protocol.XXH3Tree, Digest: digest}))
	}
	for name, test := range map[string]struct {
		from, to int
		size     uint64
		digest   protocol.Digest
		want     string
	}{
		"nothing came":   {0, 0, resumedSize, fileDigest(content, resumedSize), "[ERROR invalid]"},
		"the last block": {0, 4 * bs, resumedSize, fileDigest(content, resumedSize), "[ERROR invalid]"},
		"a gap":          {bs, resumedSize, resumedSize, fileDigest(content, resumedSize), "[ERROR invalid]"},
		"another size":   {0, resumedSize, 4 * bs, fileDigest(content, 4*bs), "[ERROR invalid]"},
		"another digest": {0, resumedSize, resumedSize, protocol.Digest{1}, "[ERROR integrity]"},
	} {
		t.Run(name, func(t *testing.T) {
			hs, _ := spreadPut(t, 0)
			if test.to > 0 {
				wantNames(t, "a piece", hs[1].exchange(joined(1, content, test.from, test.to)), "[OK]")
			}
			wantNames(t, "END", end(hs[0], test.size, test.digest), test.want)
			wantNames(t, "a piece that is late", hs[1].exchange(joined(2, content, 0, bs)), "[ERROR not_found]")
		})
	}
	hs, _ := spreadPut(t, 0)
	wantNames(t, "DATA", hs[0].exchange(dataFrom(1, content, 0, bs)), "[ERROR invalid]")
}

// A PUT whose connection is lost fails the pieces under way and keeps what is before
// the first gap; a piece whose connection is lost is only a gap.
func TestPiecesAreCutOff(t *testing.T) {
	content := text(resumedSize)
	hs, _ := spreadPut(t, 0)
	m := resumedPut(1)
	m.Flags = protocol.PutEager | protocol.PutJoin
	wantNames(t, "the beginning", hs[1].exchange(joined(1, content, 0, bs)), "[OK]")
	wantNames(t, "behind a gap", hs[1].exchange(joined(2, content, 3*bs, resumedSize)), "[OK]")
	wantNames(t, "half a piece", hs[2].exchange(append(protocol.Append(nil, 1, m), dataFrom(1, content, bs, 2*bs)...)), "[]")
	open := append(protocol.Append(nil, 3, m), dataFrom(3, content, 0, bs)...)
	wantNames(t, "a piece under way", hs[1].exchange(open), "[]")
	hs[2].close()
	hs[0].close()
	wantNames(t, "more of the piece", hs[1].exchange(dataFrom(3, content, bs, 2*bs)), "[ERROR not_found]")
	h := newHarnessOn(t, hs[0].root, hs[0].store)
	h.greet()
	ready := decode[protocol.Ready](t, request(h, 1, resumedPut(1))[0])
	if want := (protocol.Ready{Offset: 2 * bs, Digest: fileDigest(content, 2*bs)}); ready != want {
		t.Errorf("READY is %+v, and not %+v", ready, want)
	}
	wantNames(t, "the rest", h.exchange(append(dataFrom(1, content, 2*bs, resumedSize), endFrom(1, content, ready)...)), "[OK]")
	if h.read("p") != content {
		t.Error("the file is not what was sent")
	}
}

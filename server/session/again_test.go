package session_test

import (
	"os"
	"path/filepath"
	"slices"
	"testing"

	"ftpd/protocol"
)

// begunPut is a session with a PUT of 4 blocks and a bit, which is number 1.
func begunPut(t *testing.T) (h *harness, content string) {
	t.Helper()
	h = greeted(t)
	content = text(resumedSize)
	list := h.exchange(protocol.Append(nil, 1, protocol.Put{Size: resumedSize, Mtime: protocol.NoTime, Path: "p"}))
	if ready := decode[protocol.Ready](t, list[0]); ready != (protocol.Ready{}) {
		t.Fatalf("%+v", ready)
	}
	return h, content
}

// blockFrom is the DATA of a block of content.
func blockFrom(content string, number int) []byte {
	from := number * protocol.BlockSize
	return dataFrom(1, content, from, min(len(content), from+protocol.BlockSize))
}

// wantAgain checks that a block is asked for, and nothing else said.
func wantAgain(t *testing.T, list []protocol.Frame, number uint64) {
	t.Helper()
	if len(list) != 1 {
		t.Fatalf("%v came", names(list))
	}
	want := protocol.Ready{Flags: protocol.ReadyAgain, Offset: number * protocol.BlockSize}
	if got := decode[protocol.Ready](t, list[0]); got != want || list[0].Request != 1 {
		t.Errorf("%+v came, not %+v", got, want)
	}
}

// A block that arrived damaged is asked for alone, and taken whenever it comes.
func TestDamagedBlockIsAskedForAgain(t *testing.T) {
	for _, when := range []string{"at once", "before END", "after END"} {
		h, content := begunPut(t)
		wantAgain(t, h.exchange(join(blockFrom(content, 0), flipped(blockFrom(content, 1)))), 1)
		if when == "at once" {
			h.exchange(blockFrom(content, 1))
		}
		wantAgain(t, h.exchange(join(blockFrom(content, 2), blockFrom(content, 3), flipped(blockFrom(content, 4)))), 4)
		if when == "before END" {
			h.exchange(join(blockFrom(content, 4), blockFrom(content, 1)))
		}
		list := h.exchange(endFrom(1, content, protocol.Ready{}))
		if when != "before END" {
			if len(list) > 0 {
				t.Fatalf("%s: %v came before all was there", when, names(list))
			}
			list = h.exchange(blockFrom(content, 4))
		}
		if when == "after END" {
			list = h.exchange(blockFrom(content, 1))
		}
		if ok := decode[protocol.OK](t, list[0]); ok.Count != resumedSize || h.read("p") != content {
			t.Errorf("%s: %+v", when, ok)
		}
		h.close()
	}
}

// What is damaged each time is given up.
func TestDamagedBlockIsGivenUp(t *testing.T) {
	h, content := begunPut(t)
	for range 3 {
		wantAgain(t, h.exchange(flipped(blockFrom(content, 0))), 0)
	}
	if got := names(h.exchange(flipped(blockFrom(content, 0)))); !slices.Equal(got, []string{"ERROR integrity"}) {
		t.Errorf("%v", got)
	}
	h.close()
}

// A block that is another one the second time would make a mixture of two files.
func TestOtherBlockInPlaceOfADamagedOne(t *testing.T) {
	h, content := begunPut(t)
	h.exchange(flipped(blockFrom(content, 0)))
	piece := []byte(content[1 : 1+protocol.BlockSize])
	other := protocol.Append(nil, 1, protocol.Data{Digest: protocol.BlockDigest(piece), Bytes: piece})
	if got := names(h.exchange(other)); !slices.Equal(got, []string{"ERROR changed"}) {
		t.Errorf("%v", got)
	}
	h.close()
}

// A PUT that has failed keeps its number until all that it asked for has come, or
// CANCEL: so no late DATA is taken for another request's.
func TestNumberIsTakenWhileABlockIsOwed(t *testing.T) {
	stat := protocol.Append(nil, 1, protocol.Stat{})
	for name, last := range map[string]func(content string) []byte{
		"DATA":   func(content string) []byte { return blockFrom(content, 1) },
		"CANCEL": func(string) []byte { return protocol.Append(nil, 1, protocol.Cancel{}) },
	} {
		h, content := begunPut(t)
		h.exchange(join(flipped(blockFrom(content, 0)), flipped(blockFrom(content, 1)), blockFrom(content, 2)))
		h.exchange(join(blockFrom(content, 3), blockFrom(content, 4), endFrom(1, content, protocol.Ready{})))
		for range 3 {
			h.exchange(flipped(blockFrom(content, 0)))
		}
		if got := names(h.exchange(last(content))); len(got) != 0 {
			t.Errorf("%s: %v", name, got)
		}
		if got := names(h.exchange(stat)); !slices.Equal(got, []string{"META"}) {
			t.Errorf("%s: the number is not free: %v", name, got)
		}
		h.close()
	}
	h, content := begunPut(t)
	h.exchange(join(flipped(blockFrom(content, 0)), blockFrom(content, 1), blockFrom(content, 2), blockFrom(content, 3), blockFrom(content, 4)))
	h.exchange(endFrom(1, content, protocol.Ready{}))
	if got := names(h.exchange(stat)); !slices.Equal(got, []string{"ERROR protocol"}) {
		t.Errorf("the number was free: %v", got)
	}
}

// While a block is owed, END may have come: what was not asked for is then no part of the
// file any more, which END's digest does not cover.
func TestDataAfterEnd(t *testing.T) {
	h := greeted(t)
	content := text(protocol.BlockSize + 9)
	h.exchange(protocol.Append(nil, 1, protocol.Put{Size: protocol.SizeUnknown, Mtime: protocol.NoTime, Path: "p"}))
	wantAgain(t, h.exchange(flipped(dataFrom(1, content, 0, protocol.BlockSize))), 0)
	whole := content[:protocol.BlockSize]
	h.exchange(protocol.Append(nil, 1, protocol.End{Size: protocol.BlockSize, Algorithm: protocol.XXH3Tree, Digest: fileDigest(whole, len(whole))}))
	list := h.exchange(join(dataFrom(1, content, protocol.BlockSize, len(content)), dataFrom(1, content, 0, protocol.BlockSize)))
	if len(list) == 0 || list[0].Opcode != protocol.OpError {
		t.Errorf("DATA after END was answered with %v", names(list))
	}
	if _, err := os.Stat(filepath.Join(h.root, "p")); err == nil {
		t.Error("a file was stored that END does not tell of")
	}
}

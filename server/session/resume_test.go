package session_test

import (
	"os"
	"path/filepath"
	"testing"

	"ftpd/protocol"
	"ftpd/server/storage/local"
)

// resumed is a PUT of four blocks and a bit that can be resumed.
const resumedSize = 4*protocol.BlockSize + 9

func resumedPut(version uint64) protocol.Put {
	return protocol.Put{Size: resumedSize, Source: 3, Version: version, Path: "p"}
}

// dataFrom is the DATA of content, from one offset to another.
func dataFrom(id uint32, content string, from, to int) (frames []byte) {
	for from < to {
		end := int(protocol.BlockEnd(uint64(from), uint64(to)))
		piece := []byte(content[from:end])
		frames = protocol.Append(frames, id, protocol.Data{Offset: uint64(from), Digest: protocol.BlockDigest(piece), Bytes: piece})
		from = end
	}
	return frames
}

// fileDigest is that of the first n bytes.
func fileDigest(content string, n int) protocol.Digest {
	var tree protocol.Tree
	for from := 0; from < n; {
		end := int(protocol.BlockEnd(uint64(from), uint64(n)))
		tree.Add(protocol.BlockDigest([]byte(content[from:end])), end-from)
		from = end
	}
	return tree.Sum()
}

// endFrom is the END of a PUT that continued.
func endFrom(id uint32, content string, ready protocol.Ready) []byte {
	var tree protocol.Tree
	if ready.Offset > 0 {
		tree.Continue(ready.Offset, ready.Digest)
	}
	for from := int(ready.Offset); from < len(content); {
		end := int(protocol.BlockEnd(uint64(from), uint64(len(content))))
		tree.Add(protocol.BlockDigest([]byte(content[from:end])), end-from)
		from = end
	}
	return protocol.Append(nil, id, protocol.End{Size: tree.Size(), Algorithm: protocol.XXH3Tree, Digest: tree.Sum()})
}

// sharedStore returns a store for several sessions, one after the other.
func sharedStore(t *testing.T) (root string, store *local.Store) {
	t.Helper()
	root = t.TempDir()
	store, err := local.Open(root, local.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return root, store
}

// A PUT that was cut off, or cancelled, or had a block damaged on the way, is
// continued behind the blocks that were verified.
func TestPutContinues(t *testing.T) {
	content := text(resumedSize)
	damaged := dataFrom(1, content, 2*protocol.BlockSize, 3*protocol.BlockSize)
	damaged[len(damaged)-1] ^= 1
	for name, end := range map[string]func(h *harness){
		"cut off":   func(h *harness) {},
		"cancelled": func(h *harness) { h.exchange(protocol.Append(nil, 1, protocol.Cancel{})) },
		"damaged":   func(h *harness) { h.exchange(damaged) },
	} {
		t.Run(name, func(t *testing.T) {
			root, store := sharedStore(t)
			h := newHarnessOn(t, root, store)
			h.greet()
			ready := decode[protocol.Ready](t, h.exchange(protocol.Append(nil, 1, resumedPut(1)))[0])
			if ready != (protocol.Ready{}) {
				t.Errorf("%+v", ready)
			}
			h.exchange(dataFrom(1, content, 0, 2*protocol.BlockSize))
			end(h)
			h.close()

			h = newHarnessOn(t, root, store)
			h.greet()
			ready = decode[protocol.Ready](t, h.exchange(protocol.Append(nil, 9, resumedPut(1)))[0])
			if want := (protocol.Ready{Offset: 2 * protocol.BlockSize, Digest: fileDigest(content, 2*protocol.BlockSize)}); ready != want {
				t.Fatalf("%+v, want %+v", ready, want)
			}
			list := h.exchange(join(dataFrom(9, content, 2*protocol.BlockSize, resumedSize), endFrom(9, content, ready)))
			if ok := decode[protocol.OK](t, list[0]); ok.Count != resumedSize {
				t.Errorf("%+v", ok)
			}
			if got, err := os.ReadFile(filepath.Join(root, "p")); err != nil || string(got) != content {
				t.Errorf("%d bytes are stored, %v", len(got), err)
			}
		})
	}
}

// The digest of a PUT that continues is not that of the file, and a wrong one
// leaves nothing to continue.
func TestPutContinuesWithAWrongDigest(t *testing.T) {
	content := text(resumedSize)
	root, store := sharedStore(t)
	for i, want := range []uint64{0, 4 * protocol.BlockSize, 0} {
		h := newHarnessOn(t, root, store)
		h.greet()
		ready := decode[protocol.Ready](t, h.exchange(protocol.Append(nil, 1, resumedPut(1)))[0])
		if ready.Offset != want || ready.Flags != 0 {
			t.Errorf("%d: %+v", i, ready)
		}
		h.exchange(dataFrom(1, content, int(ready.Offset), resumedSize))
		if i == 1 {
			list := h.exchange(endFrom(1, content, protocol.Ready{}))
			if got := names(list)[0]; got != "ERROR integrity" {
				t.Errorf("answered with %s", got)
			}
		}
		h.close()
	}
}

// Of another version nothing is continued, and that is said.
func TestPutOfAnotherVersion(t *testing.T) {
	content := text(resumedSize)
	root, store := sharedStore(t)
	for i, want := range []protocol.Ready{{}, {Flags: protocol.ReadyRestarted}} {
		h := newHarnessOn(t, root, store)
		h.greet()
		ready := decode[protocol.Ready](t, h.exchange(protocol.Append(nil, 1, resumedPut(uint64(i))))[0])
		if ready != want {
			t.Errorf("version %d: %+v", i, ready)
		}
		h.exchange(dataFrom(1, content, 0, 3*protocol.BlockSize))
		h.close()
	}
}

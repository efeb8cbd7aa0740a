package protocol

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

// pattern returns the n bytes that the vectors of SPEC.md are about.
func pattern(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(i % 251)
	}
	return b
}

// oneShot is the definition of a file's digest, word by word.
func oneShot(pieces [][]byte) Digest {
	var all []byte
	var size uint64
	for _, p := range pieces {
		d := BlockDigest(p)
		all = append(all, d[:]...)
		size += uint64(len(p))
	}
	return BlockDigest(binary.BigEndian.AppendUint64(all, size))
}

// cut cuts the range of b that begins at offset into pieces at block boundaries.
func cut(b []byte, offset, end int) (pieces [][]byte) {
	for offset < end {
		next := int(BlockEnd(uint64(offset), uint64(end)))
		pieces = append(pieces, b[offset:next])
		offset = next
	}
	return pieces
}

func TestDigestVectors(t *testing.T) {
	for size, want := range map[int]string{ // computed with xxhsum -H2, the reference implementation
		0:             "2c0a8a99dc147d5445c3b49d035665b2",
		1:             "704bff90ec8e14c5dc50120397ce9d30",
		BlockSize:     "d3a9690ff756d5bf47bb830ff608d2ce",
		BlockSize + 1: "b820eda7114d101db1863d9ddd247957",
	} {
		var tree Tree
		for _, piece := range cut(pattern(size), 0, size) {
			tree.Add(BlockDigest(piece), len(piece))
		}
		if got := tree.Sum().String(); got != want {
			t.Errorf("%d bytes: %s, want %s", size, got, want)
		}
	}
}

// A tree that continues has one digest in place of those of the blocks before.
func TestTreeContinues(t *testing.T) {
	content := pattern(3*BlockSize + 5)
	before, after := cut(content, 0, 2*BlockSize), cut(content, 2*BlockSize, len(content))
	var tree Tree
	prefix := oneShot(before)
	tree.Continue(2*BlockSize, prefix)
	all := prefix[:]
	for _, piece := range after {
		d := BlockDigest(piece)
		tree.Add(d, len(piece))
		all = append(all, d[:]...)
	}
	if want := BlockDigest(binary.BigEndian.AppendUint64(all, uint64(len(content)))); tree.Sum() != want || tree.Size() != uint64(len(content)) {
		t.Errorf("%s of %d bytes, want %s", tree.Sum(), tree.Size(), want)
	}
}

func TestTreeIsTheDefinition(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for blocks := range 200 { // past the 1024 bytes that the hash keeps back
		var tree Tree
		var pieces [][]byte
		for range blocks {
			piece := pattern(1 + random.IntN(50))
			pieces = append(pieces, piece)
			tree.Add(BlockDigest(piece), len(piece))
			if random.IntN(4) == 0 && tree.Sum() != oneShot(pieces) { // a look between leaves no trace
				t.Fatalf("in between, after %d blocks, the digest differs", len(pieces))
			}
		}
		if first := tree.Sum(); first != oneShot(pieces) || first != tree.Sum() {
			t.Fatalf("the digest of %d blocks differs", blocks)
		}
	}
}

func TestTreeOfARange(t *testing.T) {
	file := pattern(3*BlockSize + 5)
	for _, r := range [][2]int{{0, 0}, {1, BlockSize}, {BlockSize - 1, BlockSize + 1}, {5, 3*BlockSize + 5}, {BlockSize, 2 * BlockSize}} {
		var tree Tree
		pieces := cut(file, r[0], r[1])
		for _, piece := range pieces {
			tree.Add(BlockDigest(piece), len(piece))
		}
		if tree.Sum() != oneShot(pieces) || tree.Size() != uint64(r[1]-r[0]) {
			t.Errorf("the range %v of %d pieces, size %d", r, len(pieces), tree.Size())
		}
	}
}

func TestVerify(t *testing.T) {
	block := pattern(BlockSize)
	m := Data{Digest: BlockDigest(block), Bytes: block}
	if !m.Verify() {
		t.Error("a whole block does not verify")
	}
	for _, i := range []int{0, 1, 1000, BlockSize - 1} {
		block[i] ^= 0x10
		if m.Verify() {
			t.Errorf("a damaged byte at %d went unseen", i)
		}
		block[i] ^= 0x10
	}
}

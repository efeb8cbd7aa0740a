package protocol

import (
	"encoding/binary"
	"encoding/hex"

	"github.com/zeebo/xxh3"
)

// Algorithm names how a digest of a whole file is computed.
type Algorithm uint8

// The algorithms. Transfers use XXH3Tree; SUM takes each.
const (
	XXH3Tree Algorithm = 1 // what Tree computes
	SHA256   Algorithm = 2 // FIPS 180-4, over the bytes of the file
)

// SHA256Len is the size of a SHA-256 digest.
const SHA256Len = 32

// Digest is an XXH3-128 value in its canonical, big-endian form. It finds
// damage; it does not withstand somebody who forges data on purpose.
type Digest [DigestLen]byte

// DigestLen is the size of a Digest.
const DigestLen = 16

// String returns the digest in lower-case hexadecimal.
func (d Digest) String() string { return hex.EncodeToString(d[:]) }

// BlockDigest returns the digest of one block, or of one piece of it.
func BlockDigest(block []byte) Digest {
	return Digest(xxh3.Hash128(block).Bytes())
}

// Tree computes the digest of a file: XXH3-128 over the digests of its
// blocks, in order, and its size as 64 bits. Its zero value is ready and
// stands for an empty file; files of one block cost no allocation. A Tree that
// holds more than one block must not be copied: the copies would share state.
type Tree struct {
	size   uint64
	blocks uint64
	first  Digest
	rest   *xxh3.Hasher128 // from the second block on
}

// Add appends a block of n bytes.
func (t *Tree) Add(d Digest, n int) {
	t.size += uint64(n)
	t.blocks++
	switch {
	case t.blocks == 1:
		t.first = d
		return
	case t.rest == nil:
		t.rest = xxh3.New128()
		t.write(t.first[:])
	}
	t.write(d[:])
}

// Continue makes of an empty Tree that of a PUT which continues at offset, with
// the digest of READY in place of those of the blocks before.
func (t *Tree) Continue(offset uint64, digest Digest) {
	*t = Tree{size: offset, blocks: 1, first: digest}
}

// Size returns the bytes added so far.
func (t *Tree) Size() uint64 { return t.size }

// Sum returns the digest of what was added so far; more may be added.
func (t *Tree) Sum() Digest {
	var tail [DigestLen + 8]byte
	if t.blocks < 2 {
		b := append(tail[:0], t.first[:t.blocks*DigestLen]...)
		return BlockDigest(binary.BigEndian.AppendUint64(b, t.size))
	}
	h := *t.rest
	_, _ = h.Write(binary.BigEndian.AppendUint64(tail[:0], t.size)) // a Hasher never fails
	return Digest(h.Sum128().Bytes())
}

func (t *Tree) write(b []byte) {
	_, _ = t.rest.Write(b) // a Hasher never fails
}

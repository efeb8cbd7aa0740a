package digests

import (
	"math/rand/v2"
	"sync"
	"testing"

	"ftpd/server/storage"
)

func digestOf(n int) storage.Digest { return storage.Digest{byte(n), byte(n >> 8), 1} }

func checkKnown(t *testing.T, c *Cache[int], key int, block int64, want storage.Digest) {
	t.Helper()
	if got, ok := c.Get(key, block); got != want || ok != (want != storage.Digest{}) {
		t.Errorf("block %d of %d: %x, %t; want %x", block, key, got, ok, want)
	}
}

func TestRemembers(t *testing.T) {
	c := New[int](1 << 20)
	checkKnown(t, c, 1, 0, storage.Digest{})
	if !c.Put(1, 2, digestOf(2)) || !c.Put(1, 0, digestOf(0)) || !c.Put(1, 0, digestOf(0)) {
		t.Error("what is new, or the same, was taken for a change")
	}
	checkKnown(t, c, 1, 0, digestOf(0))
	checkKnown(t, c, 1, 1, storage.Digest{}) // a gap
	checkKnown(t, c, 1, 2, digestOf(2))
	checkKnown(t, c, 1, 3, storage.Digest{})
	checkKnown(t, c, 2, 0, storage.Digest{})

	c.PutAll(1, []storage.Digest{digestOf(7)})
	checkKnown(t, c, 1, 0, digestOf(7))
	checkKnown(t, c, 1, 2, storage.Digest{})
}

// TestAnotherDigestForgetsAll is how a wrong digest ends.
func TestAnotherDigestForgetsAll(t *testing.T) {
	c := New[int](1 << 20)
	for block := range 3 {
		c.Put(1, int64(block), digestOf(block))
		c.Put(2, int64(block), digestOf(block))
	}
	if c.Put(1, 1, digestOf(9)) {
		t.Error("another digest is no news")
	}
	for block := range 3 {
		checkKnown(t, c, 1, int64(block), storage.Digest{})
		checkKnown(t, c, 2, int64(block), digestOf(block))
	}
	if !c.Check(2, 1, digestOf(1)) || !c.Check(2, 7, digestOf(7)) || !c.Check(1, 0, digestOf(7)) {
		t.Error("what is the same, or new, was taken for a change")
	}
	checkKnown(t, c, 2, 7, storage.Digest{})
	if c.Check(2, 1, digestOf(9)) {
		t.Error("another digest is no news")
	}
	checkKnown(t, c, 2, 0, storage.Digest{})
	checkRing(t, c)
}

func TestForgetsWhatWasNotUsedLongest(t *testing.T) {
	c := New[int](10 * (fileCost + digestCost))
	for key := range 10 {
		c.PutAll(key, []storage.Digest{digestOf(key)})
	}
	checkKnown(t, c, 0, 0, digestOf(0)) // used, so 1 goes
	c.PutAll(10, []storage.Digest{digestOf(10)})
	checkKnown(t, c, 1, 0, storage.Digest{})
	checkKnown(t, c, 0, 0, digestOf(0))
	checkKnown(t, c, 10, 0, digestOf(10))
}

func TestNothingIsRememberedWithoutMemory(t *testing.T) {
	for _, c := range []*Cache[int]{New[int](0), New[int](-1), {}} {
		if !c.Put(1, 0, digestOf(1)) || c.Holds(1) {
			t.Error("it pretends to remember")
		}
		c.PutAll(1, []storage.Digest{digestOf(1)})
		checkKnown(t, c, 1, 0, storage.Digest{})
	}
}

func TestAFileTooLargeIsNotRemembered(t *testing.T) {
	const limit = 100 * 1024
	c := New[int](limit)
	c.Put(1, 0, digestOf(1))
	blocks := limit / 2 / digestCost
	if c.Holds(blocks) || !c.Put(2, blocks, digestOf(2)) {
		t.Error("it holds a file that leaves no room for others")
	}
	c.PutAll(2, make([]storage.Digest, blocks))
	checkKnown(t, c, 2, blocks, storage.Digest{})
	checkKnown(t, c, 1, 0, digestOf(1))
}

// TestStaysWithinItsLimit uses the cache at random, from several goroutines.
func TestStaysWithinItsLimit(t *testing.T) {
	const limit = 20_000
	c := New[int](limit)
	var group sync.WaitGroup
	for seed := range uint64(4) {
		group.Go(func() {
			random := rand.New(rand.NewPCG(seed, 1))
			for range 20_000 {
				key, block := random.IntN(100), random.Int64N(200)
				switch random.IntN(4) {
				case 0:
					c.PutAll(key, make([]storage.Digest, block))
				case 1:
					c.Put(key, block, digestOf(random.IntN(50)))
				default:
					c.Get(key, block)
				}
			}
		})
	}
	group.Wait()
	checkRing(t, c)
	if c.used > limit || len(c.files) == 0 {
		t.Errorf("%d bytes of %d, %d files", c.used, limit, len(c.files))
	}
}

// checkRing compares ring, map and count with each other.
func checkRing(t *testing.T, c *Cache[int]) {
	t.Helper()
	var n int
	var used int64
	for f := c.ring; f != nil; f = f.older {
		if c.files[f.key] != f || f.older.newer != f {
			t.Fatalf("%d is not in its place", f.key)
		}
		n++
		used += f.cost()
		if f.older == c.ring {
			break
		}
	}
	if n != len(c.files) || used != c.used {
		t.Errorf("%d files with %d bytes in the ring, %d with %d counted", n, used, len(c.files), c.used)
	}
}

func BenchmarkPutGet(b *testing.B) {
	c := New[[5]int64](32 << 20)
	for i := 0; b.Loop(); i++ {
		key := [5]int64{int64(i % 200_000)}
		c.Put(key, 0, digestOf(1))
		c.Get(key, 0)
	}
}

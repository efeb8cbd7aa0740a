package session_test

import (
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"ftpd/protocol"
	"ftpd/server/storage"
	"ftpd/server/storage/faulty"
	"ftpd/server/storage/local"
)

// rot is where a byte of a file has decayed; negative is nowhere.
type rot struct{ atomic.Int64 }

func (r *rot) damage(_ storage.Path, p []byte, offset int64) {
	if at := r.Load(); at >= 0 && at >= offset && at < offset+int64(len(p)) {
		p[at-offset] ^= 1
	}
}

const rottenSize = 5*protocol.BlockSize + 9

// stored returns a harness that counts the reads of its storage, on which the file "f"
// was put whose mtime is long past: its digests are known.
func stored(t *testing.T, options local.Options) (h *harness, content string, disk *rot, reads *atomic.Int64) {
	t.Helper()
	root := t.TempDir()
	options.NoSync = true
	store, err := local.Open(root, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	reads = new(atomic.Int64)
	disk = new(rot)
	disk.Store(-1)
	count := func(faulty.Op, storage.Path) error {
		reads.Add(1)
		return nil
	}
	h = newHarnessOn(t, root, faulty.New(store, faulty.Hooks{Before: faulty.On(count, faulty.FileReadAt), Damage: disk.damage}))
	h.greet()
	content = text(rottenSize)
	mtime := time.Now().Add(-time.Hour).UnixNano()
	h.exchange(sent(1, protocol.Put{Flags: protocol.PutEager, Size: rottenSize, Mtime: mtime, Path: "f"}, content))
	if h.read("f") != content {
		t.Fatal("the file was not stored")
	}
	return h, content, disk, reads
}

// TestKnownDigestsAreNotComputed has SUM read nothing of a file that was put, and all
// of it without memory for its digests.
func TestKnownDigestsAreNotComputed(t *testing.T) {
	for _, c := range []struct {
		name      string
		memory    int64
		algorithm protocol.Algorithm
		reads     int64
	}{
		{"known", 0, protocol.XXH3Tree, 0},
		{"no memory", -1, protocol.XXH3Tree, 6},
		{"of the bytes", 0, protocol.SHA256, 6},
	} {
		t.Run(c.name, func(t *testing.T) {
			h, content, _, reads := stored(t, local.Options{DigestCache: c.memory})
			end := final[protocol.End](h, protocol.Sum{Algorithm: c.algorithm, Path: "f"})
			if c.algorithm == protocol.XXH3Tree && end.Digest != fileDigest(content, rottenSize) || end.Size != rottenSize {
				t.Errorf("SUM: %+v", end)
			}
			if n := reads.Load(); n != c.reads {
				t.Errorf("%d blocks were read, want %d", n, c.reads)
			}
		})
	}
}

// damaged gets "f" from an offset on and returns the blocks that do not have the digest
// that they came with.
func damaged(h *harness, offset uint64) (list []uint64) {
	h.t.Helper()
	for _, f := range request(h, 5, protocol.Get{Offset: offset, Length: protocol.SizeUnknown, Path: "f"}) {
		if f.Opcode == protocol.OpData {
			if data := decode[protocol.Data](h.t, f); !data.Verify() {
				list = append(list, data.Offset/protocol.BlockSize)
			}
		}
	}
	return list
}

// TestDamageIsNoticed has a block decay after its digest was known: who gets it is
// told of by the digest, and who then goes on at that block gets what is there now.
func TestDamageIsNoticed(t *testing.T) {
	const block = 3
	h, _, disk, _ := stored(t, local.Options{})
	disk.Store(block*protocol.BlockSize + 5)
	seen := damaged(h, 0)
	for len(seen) == 0 { // it was one of those that are computed anew
		h, _, disk, _ = stored(t, local.Options{})
		disk.Store(block*protocol.BlockSize + 5)
		seen = damaged(h, 0)
	}
	if !slices.Equal(seen, []uint64{block}) {
		t.Fatalf("damaged are %d, want %d", seen, block)
	}
	if seen = damaged(h, block*protocol.BlockSize); seen != nil {
		t.Errorf("gone on with at the block, damaged are %d", seen)
	}
	if seen = damaged(h, 0); seen != nil {
		t.Errorf("then damaged are %d", seen)
	}
}

// TestDamageIsForgottenInTime has a client that always begins at the start.
func TestDamageIsForgottenInTime(t *testing.T) {
	h, _, disk, _ := stored(t, local.Options{})
	disk.Store(4 * protocol.BlockSize)
	const never = 5_000 // (15/16)^5000
	for range never {
		if damaged(h, 0) == nil {
			return
		}
	}
	t.Errorf("after %d GETs the block still comes with the digest of what it was", never)
}

// TestFirstBlockIsAlwaysComputed has a file of one block, and the first of a larger one.
func TestFirstBlockIsAlwaysComputed(t *testing.T) {
	h, _, disk, _ := stored(t, local.Options{})
	disk.Store(0)
	if seen := damaged(h, 0); seen != nil {
		t.Errorf("damaged are %d", seen)
	}
}

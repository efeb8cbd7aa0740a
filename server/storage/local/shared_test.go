//go:build unix

package local

import (
	"testing"

	"ftpd/server/storage"
)

// What a block could not be written to is not kept, for its upload cannot go on, and
// may have filled the disk.
func TestSharedWriteFails(t *testing.T) {
	s := open(t, t.TempDir(), Options{})
	o := storage.CreateOptions{Size: 9, Resume: storage.Resume{Source: 1, Version: 1, Block: 4}, Shared: true}
	for _, fails := range []bool{true, false} {
		created, err := s.Create("f", o)
		if err != nil {
			t.Fatal(err)
		}
		st := created.(*staging)
		j, err := s.Join("f", o)
		if err != nil {
			t.Fatal(err)
		}
		if err := j.WriteBlock(0, []byte("aaaa"), storage.Digest{1}); err != nil {
			t.Fatal(err)
		}
		if fails {
			_ = st.resumable.journal.close()
			if err := j.WriteBlock(1, []byte("bbbb"), storage.Digest{2}); err == nil {
				t.Error("a block that cannot be marked was written")
			}
		}
		if err := st.Leave(); err != nil {
			t.Fatal(err)
		}
		again, err := s.Create("f", o)
		if err != nil {
			t.Fatal(err)
		}
		if digests, _ := again.Marked(); (len(digests) == 0) != fails {
			t.Errorf("fails is %v, and %d blocks are kept", fails, len(digests))
		}
		if err := again.Abort(); err != nil {
			t.Fatal(err)
		}
	}
}

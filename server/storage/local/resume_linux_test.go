package local

import (
	"bytes"
	"testing"

	"ftpd/server/storage"
	"ftpd/server/storage/storagetest"
)

// A file for which there is room only because a part of it is there already is
// gone on with.
func TestResumeNeedsNoRoomTwice(t *testing.T) {
	dir := t.TempDir() + "/root"
	mount(t, dir) // a mebibyte
	s := open(t, dir, Options{NoSync: true})
	const half = 400 << 10
	options := storage.CreateOptions{Size: 2*half + 1, Resume: storage.Resume{Source: 1, Block: half}}
	st, err := s.Create("f", options)
	check(t, err)
	block := bytes.Repeat([]byte("x"), half)
	for n := range int64(2) {
		_, err = st.WriteAt(block, n*half)
		check(t, err)
		check(t, st.Mark(n, storage.Digest{1}))
	}
	check(t, st.Leave())
	st, err = s.Create("f", options)
	check(t, err)
	if digests, _ := st.Marked(); len(digests) != 2 {
		t.Errorf("%d blocks", len(digests))
	}
	check(t, st.Abort())
	check(t, s.Close()) // before its directory goes
}

// A file on another file system than the root is not kept, and stored all the
// same.
func TestResumeOnAMountBelowTheRoot(t *testing.T) {
	dir := t.TempDir()
	mount(t, dir+"/mounted")
	s := open(t, dir, Options{NoSync: true})
	check(t, stageBlocks(t, s, "mounted/f", 2).Leave())
	st := stageBlocks(t, s, "mounted/f", 3)
	if digests, dropped := st.Marked(); len(digests) != 0 || dropped {
		t.Errorf("%d blocks, %v", len(digests), dropped)
	}
	_, err := st.Commit(storage.Attributes{})
	check(t, err)
	if got := storagetest.Get(t, s, "mounted/f"); got != "aaaabbbbcccc" {
		t.Errorf("the file holds %q", got)
	}
	check(t, s.Close())
	wantNoLitter(t, dir)
}

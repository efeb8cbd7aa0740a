//go:build unix

package local

import (
	"bytes"
	"os"
	"path/filepath"
	"testing"

	"ftpd/server/storage"
)

// FuzzResume holds that what is left of an upload, whatever it has come to, is gone on with
// from a block that is there and whose digest the journal has, or begun anew; and that
// the upload comes to its end.
func FuzzResume(f *testing.F) {
	dir := f.TempDir()
	s, err := Open(dir, Options{NoSync: true})
	check(f, err)
	f.Cleanup(func() { check(f, s.Close()) })
	begin := func(t testing.TB) storage.Staging {
		st, err := s.Create("f", resumeOptions())
		check(t, err)
		return st
	}
	st := begin(f)
	_, err = st.WriteAt([]byte("aaaabbbb"), 0)
	check(f, err)
	check(f, st.Mark(0, storage.Digest{1}))
	check(f, st.Mark(1, storage.Digest{2}))
	check(f, st.Leave())
	name := filepath.Join(dir, stagingDirectory, resumeDirectory, resumeName("f", 5))
	file, err := os.ReadFile(name)
	check(f, err)
	journal, err := os.ReadFile(name + lockSuffix)
	check(f, err)
	f.Add(file, journal)
	f.Add(file[:5], journal)
	f.Add(file, journal[:journalHead+7])
	f.Add(file, journal[:3])
	f.Add([]byte{}, []byte{})
	f.Add(file, append(bytes.Clone(journal), make([]byte, 100)...))
	f.Fuzz(func(t *testing.T, file, journal []byte) {
		check(t, begin(t).Leave()) // the directory is there
		check(t, os.WriteFile(name, file, 0o600))
		check(t, os.WriteFile(name+lockSuffix, journal, 0o600))
		st := begin(t)
		digests, dropped := st.Marked()
		have := 4 * len(digests)
		if dropped && have > 0 || have > len(file) || have > 12 || journalHead+16*len(digests) > max(journalHead, len(journal)) {
			t.Fatalf("%d blocks of %d bytes, a journal of %d, dropped %v", len(digests), len(file), len(journal), dropped)
		}
		for i, digest := range digests {
			if !bytes.Equal(digest[:], journal[journalHead+16*i:][:16]) || digest == (storage.Digest{}) {
				t.Fatalf("block %d has the digest %x", i, digest)
			}
		}
		_, err := st.WriteAt([]byte("0123456789abc")[have:], int64(have))
		check(t, err)
		info, err := st.Commit(storage.Attributes{})
		check(t, err)
		got, err := os.ReadFile(filepath.Join(dir, "f"))
		check(t, err)
		if want := string(file[:have]) + "0123456789abc"[have:]; info.Size != 13 || string(got) != want {
			t.Fatalf("%q is stored, want %q", got, want)
		}
	})
}

//go:build unix

package local

import (
	"fmt"
	"os"
	"strings"
	"testing"

	"ftpd/server/storage"
	"ftpd/server/storage/storagetest"

	"golang.org/x/sys/unix"
)

// wantLeft removes d with all it holds, of which want names what stays.
func wantLeft(t *testing.T, s *Store, says string, want ...string) {
	t.Helper()
	_, err := s.Remove(t.Context(), "d", true)
	if got := fmt.Sprint(err); got != says {
		t.Errorf("Remove: %.200s\nwant:   %.200s", got, says)
	}
	names := storagetest.Names(t, s, storage.Root, true)
	if len(names) != len(want) {
		t.Errorf("%d entries are left, want %d: %.500q", len(names), len(want), names)
	}
	for i, name := range want {
		if i < len(names) && names[i] != name {
			t.Errorf("left is %q, want %q", names[i], name)
		}
	}
}

// TestRemoveOfADeepTreeGoesOn comes back to directories that it had to close
// and reads again, with what could not go in them.
func TestRemoveOfADeepTreeGoesOn(t *testing.T) {
	const levels = maxOpen + 20
	dir := t.TempDir()
	at := dir
	var left []string
	for range levels {
		at += "/d"
		write(t, at+"/a", "x")
		write(t, at+"/e/f/g", "x")
		write(t, at+"/z", "x")
		left = append(left, at[len(dir)+1:])
	}
	write(t, at+"/"+storage.Reserved+"own", "x")
	write(t, dir+"/d/"+storage.Reserved+"own", "x")
	s := open(t, dir, Options{NoSync: true})
	_, err := s.Remove(t.Context(), "d", true)
	wantError(t, "Remove", err, storage.ErrNotEmpty)
	if !strings.HasSuffix(fmt.Sprint(err), "; 1 more could not be removed") {
		t.Errorf("%v", err)
	}
	check(t, os.Remove(dir+"/d/"+storage.Reserved+"own"))
	wantLeft(t, s, fmt.Sprintf("%q: directory is not empty: it holds files of the server's own", left[levels-1]), left...)
	check(t, os.Remove(at+"/"+storage.Reserved+"own"))
	if n, err := s.Remove(t.Context(), "d", true); n != levels || err != nil {
		t.Errorf("Remove = %d, %v", n, err)
	}
}

// TestRemoveStopsAtTooMuch bounds what is remembered of what cannot go.
func TestRemoveStopsAtTooMuch(t *testing.T) {
	dir := t.TempDir()
	check(t, os.Mkdir(dir+"/d", 0o755))
	for i := range maxLeft + 1 {
		check(t, unix.Mkfifo(fmt.Sprintf("%s/d/%s%d", dir, storage.Reserved, i), 0o600))
	}
	s := open(t, dir, Options{NoSync: true})
	wantLeft(t, s, fmt.Sprintf(`"d": directory is not empty: it holds files of the server's own; %d more could not be removed, and the rest was not tried`, maxLeft-1), "d")
}

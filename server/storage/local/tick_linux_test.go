package local

import (
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"ftpd/server/storage"

	"golang.org/x/sys/unix"
)

// changedAt returns when the file of a path was changed last.
func changedAt(t *testing.T, root, path string) int64 {
	t.Helper()
	var stat unix.Stat_t
	must(t, unix.Lstat(filepath.Join(root, path), &stat))
	return nanoseconds(stat.Ctim)
}

// Versions of a path that follow each other are stamped with different ticks, however
// the one before went, so that their ETags differ even if they get the same inode.
func TestVersionsDifferByTheirTime(t *testing.T) {
	for name, replace := range map[string]func(s *Store) error{
		"put":         func(s *Store) error { return putTimed(s, "f") },
		"remove":      func(s *Store) error { _, err := s.Remove(t.Context(), "d/f", false); return err },
		"remove tree": func(s *Store) error { _, err := s.Remove(t.Context(), "d", true); return err },
		"rename": func(s *Store) error {
			if err := putTimed(s, "g"); err != nil {
				return err
			}
			return s.Rename("g", "d/f", storage.RenameOptions{})
		},
	} {
		t.Run(name, func(t *testing.T) {
			root := t.TempDir()
			s, err := Open(root, Options{NoSync: true})
			must(t, err)
			t.Cleanup(func() { must(t, s.Close()) })
			path := "d/f"
			if name == "put" {
				path = "f"
			}
			last := int64(0)
			for i := range 20 {
				if err := putTimed(s, storage.Path(path)); err != nil {
					t.Fatal(err)
				}
				if at := changedAt(t, root, path); at <= last {
					t.Fatalf("version %d is stamped %d, the one before %d", i, at, last)
				}
				last = changedAt(t, root, path)
				must(t, replace(s))
				if _, err := os.Lstat(filepath.Join(root, path)); err == nil {
					last = changedAt(t, root, path)
				}
			}
		})
	}
}

// putTimed stores a file of a size and a time that all have.
func putTimed(s *Store, path storage.Path) error {
	st, err := s.Create(path, storage.CreateOptions{Parents: true})
	if err != nil {
		return err
	}
	if _, err := st.WriteAt([]byte("x"), 0); err != nil {
		return err
	}
	_, err = st.Commit(storage.Attributes{Mtime: time.Unix(1e9, 0)})
	return err
}

// Who has the time of another clock is not waited for.
func TestUntilTold(t *testing.T) {
	var now unix.Timespec
	must(t, unix.ClockGettime(unix.CLOCK_REALTIME_COARSE, &now))
	for _, tt := range []struct {
		mode  uint32
		links int
		since time.Duration
		waits bool
	}{
		{unix.S_IFREG, 1, 0, false},
		{unix.S_IFREG, 1, 5 * time.Millisecond, true},
		{unix.S_IFREG, 1, time.Hour, false},
		{unix.S_IFREG, 1, -time.Hour, false},
		{unix.S_IFREG, 2, 5 * time.Millisecond, false},
		{unix.S_IFLNK, 1, 5 * time.Millisecond, false},
	} {
		stat := unix.Stat_t{Mode: tt.mode, Ctim: unix.NsecToTimespec(nanoseconds(now) + int64(tt.since))}
		stat.Nlink = 0
		for range tt.links {
			stat.Nlink++
		}
		if tt.since == 0 {
			stat.Ctim.Sec--
		}
		if got := untilTold(&stat) > 0; got != tt.waits {
			t.Errorf("%s: it waits %v", fmt.Sprint(tt), got)
		}
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

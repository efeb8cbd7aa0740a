//go:build unix

package local

import (
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// sweepResumable removes what was left before a moment, and what is of no use: since
// the machine was started anew, or because the file has been stored.
func (s *Store) sweepResumable(before time.Time) {
	home, err := s.openResume(false)
	if err != nil {
		return
	}
	defer home.close()
	for _, name := range instanceNames(home.file) {
		s.sweepLeft(&home, name, before)
	}
}

func (s *Store) sweepLeft(home *directory, name string, before time.Time) {
	fd, err := lockJournal(home.fd(), name, unix.O_CREAT)
	if err != nil {
		return // it is in use
	}
	defer unix.Close(fd)
	var stat, staged unix.Stat_t
	head := make([]byte, journalHead)
	journal := descriptor{fd: fd}
	_, err = journal.readAt(head, 0)
	// A server that was killed just after it had stored the file left the journal alone.
	there := unix.Fstatat(home.fd(), name, &staged, unix.AT_SYMLINK_NOFOLLOW) == nil
	if err == nil && there && isOfThisBoot(head) {
		if unix.Fstat(fd, &stat) != nil || !time.Unix(stat.Mtim.Unix()).Before(before) {
			return
		}
	}
	removed := s.removeLeft(home.fd(), name) == nil
	_ = unix.Unlinkat(home.fd(), name+lockSuffix, 0)
	s.options.Logger.Info("removed what was left of an upload", "file", name, "staged", removed)
}

// sweepEvery is how often what is kept for a time is swept: it stays for less than twice
// as long, or an hour more.
func sweepEvery(keep time.Duration) time.Duration {
	return min(max(keep, time.Second), time.Hour)
}

// sweepOften runs sweepResumable from time to time until done is closed.
func (s *Store) sweepOften(done <-chan struct{}) {
	if s.options.KeepResumable < 0 {
		return // nothing is kept
	}
	ticker := time.NewTicker(sweepEvery(s.options.KeepResumable))
	defer ticker.Stop()
	for {
		select {
		case now := <-ticker.C:
			s.sweepResumable(now.Add(-s.options.KeepResumable))
		case <-done:
			return
		}
	}
}

// Keeps tells whether something is left of an upload, to be gone on with or swept.
func (s *Store) Keeps() bool {
	home, err := s.openResume(false)
	if err != nil {
		return false
	}
	defer home.close()
	names, _ := home.file.Readdirnames(1) // what cannot be read is not swept either
	return len(names) > 0
}

// removeStaging removes the staging directory where nothing is in it.
func removeStaging(top *os.File) {
	if staging, err := openStaging(top); err == nil {
		_ = unix.Unlinkat(int(staging.Fd()), resumeDirectory, unix.AT_REMOVEDIR)
		_ = staging.Close()
	}
	_ = unix.Unlinkat(int(top.Fd()), stagingDirectory, unix.AT_REMOVEDIR)
}

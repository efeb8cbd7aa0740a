package storagetest

import (
	"errors"
	"io/fs"
	"slices"
	"strings"
	"sync"
	"testing"

	"ftpd/server/storage"
)

var sharedTests = map[string]func(*testing.T, storage.Storage){
	"shared":                    shareFile,
	"shared by nobody":          shareNothing,
	"shared until it ends":      shareUntilItEnds,
	"shared and left":           shareAndLeave,
	"shared by several at once": shareConcurrently,
}

func sharedOptions() storage.CreateOptions {
	o := resumeOptions(version)
	o.Shared = true
	return o
}

// share begins a shared file; nil is that the storage does not share.
func share(t *testing.T, s storage.Storage) (storage.Staging, storage.Joined) {
	t.Helper()
	st, err := s.Create("s", sharedOptions())
	must(t, err)
	if !st.Shared() {
		must(t, st.Abort())
		t.Skip("it shares no files")
	}
	j, err := s.Join("s", resumeOptions(version))
	must(t, err)
	return st, j
}

// join writes blocks of the file, each made of its number; the last is short.
func join(t *testing.T, j storage.Joined, blocks ...int64) {
	t.Helper()
	for _, n := range blocks {
		must(t, j.WriteBlock(n, blockOf(n), digestOf(n)))
	}
}

func blockOf(n int64) []byte {
	length := min(block, resumeSize-n*block)
	return []byte(strings.Repeat(string(rune('a'+n)), int(length)))
}

// wantGathered fails the test unless just the first blocks are there.
func wantGathered(t *testing.T, st storage.Staging, blocks int) {
	t.Helper()
	var want []storage.Digest
	for n := range blocks {
		want = append(want, digestOf(int64(n)))
	}
	if got, err := st.Gather(); err != nil || !slices.Equal(got, want) {
		t.Errorf("gathered are %x, %v; want %d blocks", got, err, blocks)
	}
}

func shareFile(t *testing.T, s storage.Storage) {
	st, j := share(t, s)
	other, err := s.Join("s", resumeOptions(version))
	must(t, err)
	join(t, j, 4, 0, 2)
	join(t, other, 3, 1, 2)
	wantGathered(t, st, 5)
	if err := j.WriteBlock(0, blockOf(1), digestOf(1)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a write to a gathered file: %v", err)
	}
	commit(t, s, st, "s", "aaaabbbbccccdddde")
	if err := j.WriteBlock(0, blockOf(1), digestOf(1)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a write to a committed file: %v", err)
	}
}

func shareNothing(t *testing.T, s storage.Storage) {
	st, _ := share(t, s)
	other := version
	other.Version++
	another := version
	another.Source++
	longer := resumeOptions(version)
	longer.Size++
	for name, o := range map[string]storage.CreateOptions{"version": resumeOptions(other), "source": resumeOptions(another), "size": longer} {
		if _, err := s.Join("s", o); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("another %s was joined: %v", name, err)
		}
	}
	if _, err := s.Join("g", resumeOptions(version)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("another path was joined: %v", err)
	}
	must(t, st.Abort())
	plain, err := s.Create("s", resumeOptions(version))
	must(t, err)
	if _, err := s.Join("s", resumeOptions(version)); plain.Shared() || !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("a file that is not shared was joined: %v", err)
	}
	must(t, plain.Abort())
}

func shareUntilItEnds(t *testing.T, s storage.Storage) {
	for name, end := range map[string]func(storage.Staging) error{"abort": storage.Staging.Abort, "leave": storage.Staging.Leave} {
		st, j := share(t, s)
		join(t, j, 1)
		must(t, end(st))
		if err := j.WriteBlock(0, blockOf(0), digestOf(0)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a write after %s: %v", name, err)
		}
		if _, err := s.Join("s", resumeOptions(version)); !errors.Is(err, fs.ErrNotExist) {
			t.Errorf("a join after %s: %v", name, err)
		}
	}
}

func shareAndLeave(t *testing.T, s storage.Storage) {
	st, j := share(t, s)
	join(t, j, 0, 1, 3)
	must(t, st.Leave())
	st, j = share(t, s)
	wantMarked(t, st, 2, false)
	join(t, j, 3)
	wantGathered(t, st, 2)
	must(t, st.Leave())
	st, j = share(t, s)
	wantMarked(t, st, 2, false)
	join(t, j, 2, 3, 4)
	wantGathered(t, st, 5)
	commit(t, s, st, "s", "aaaabbbbccccdddde")
}

func shareConcurrently(t *testing.T, s storage.Storage) {
	for _, end := range []func(storage.Staging) error{storage.Staging.Abort, storage.Staging.Leave, func(st storage.Staging) error {
		_, err := st.Gather()
		return errors.Join(err, st.Abort())
	}} {
		st, j := share(t, s)
		var writers sync.WaitGroup
		for n := range int64(5) {
			writers.Go(func() {
				for {
					if err := j.WriteBlock(n, blockOf(n), digestOf(n)); errors.Is(err, fs.ErrNotExist) {
						return
					} else if err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		must(t, end(st))
		writers.Wait()
	}
}

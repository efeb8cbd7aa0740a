//go:build unix

package local

import (
	"sync"
	"testing"
	"time"

	"ftpd/server/storage"
	"ftpd/server/storage/storagetest"
)

// tally is an account that allows everything.
type tally struct {
	mu                 sync.Mutex
	stored, held, lent Amount
	underWay           int
}

func (a *tally) Reserve(held, lent Amount, _ bool) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.held, a.lent = a.held.Plus(held), a.lent.Plus(lent)
	return nil
}

func (a *tally) Release(held, lent Amount) {
	_ = a.Reserve(Amount{}.Minus(held), Amount{}.Minus(lent), false) // it never refuses
}

func (a *tally) Begin() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.underWay++
}

func (a *tally) End(stored, held, lent Amount) {
	a.Release(held, lent)
	a.mu.Lock()
	defer a.mu.Unlock()
	a.underWay--
	a.stored = a.stored.Plus(stored)
}

// want fails the test unless so much is booked, and a count finds what is booked as stored.
func (a *tally) want(t *testing.T, s *Store, stored, held Amount) {
	t.Helper()
	used, skipped, err := s.Usage(t.Context())
	check(t, err)
	if a.stored != stored || a.held != held || a.lent != (Amount{}) || a.underWay != 0 {
		t.Errorf("%+v is stored and %+v held, want %+v and %+v; %+v is lent, %d changes are under way", a.stored, a.held, stored, held, a.lent, a.underWay)
	}
	if used != stored || skipped != 0 {
		t.Errorf("a count finds %+v, want %+v; %d directories were skipped", used, stored, skipped)
	}
}

// What is left of an upload is stored, what goes on is held, and what is swept is neither.
func TestAccountOfWhatIsLeft(t *testing.T) {
	a := &tally{}
	s := open(t, t.TempDir(), Options{Account: a})
	o := storage.CreateOptions{Size: 9, Resume: storage.Resume{Source: 1, Version: 1, Block: 4}}
	left, whole := Amount{4, 1}, Amount{9, 1}
	for range 2 {
		st, err := s.Create("f", o)
		check(t, err)
		_, err = st.WriteAt([]byte("four"), 0)
		check(t, err)
		check(t, st.Mark(0, storage.Digest{1}))
		a.want(t, s, Amount{}, whole)
		check(t, st.Leave())
		a.want(t, s, left, Amount{})
	}
	s.sweepResumable(time.Now().Add(time.Hour))
	a.want(t, s, Amount{}, Amount{})
}

// A count goes as deep as a tree can be, and holds few descriptors.
func TestUsageOfDeepTrees(t *testing.T) {
	a := &tally{}
	s := open(t, t.TempDir(), Options{NoSync: true, Account: a})
	path := storage.Path("d")
	for range 3 * maxOpen {
		storagetest.Put(t, s, path.Join("a"), "a")
		storagetest.Put(t, s, path.Join("z"), "z")
		path = path.Join("d")
	}
	a.want(t, s, Amount{6 * maxOpen, 9 * maxOpen}, Amount{})
	_, err := s.Remove(t.Context(), "d", true)
	check(t, err)
	a.want(t, s, Amount{}, Amount{})
}

//go:build unix

package local

import (
	"sync/atomic"

	"golang.org/x/sys/unix"
)

// What is left of an upload counts like a file that is stored, its journal not. While an
// upload goes on with it, there is a reservation for it instead.

// leftovers is how much is left of uploads that nobody goes on with: it is told to who is
// refused, for no listing shows it. Where it changes while it is counted it may be wrong until it is
// counted anew.
type leftovers struct{ bytes, files atomic.Int64 }

func (l *leftovers) set(a Amount) {
	l.bytes.Store(a.Bytes)
	l.files.Store(a.Files)
}

func (l *leftovers) add(a Amount) {
	l.bytes.Add(a.Bytes)
	l.files.Add(a.Files)
}

// Left returns how much of what is stored is left of uploads. It waits for nothing.
func (s *Store) Left() Amount {
	return Amount{max(0, s.left.bytes.Load()), max(0, s.left.files.Load())}
}

// left describes what is left from before, if there is a quota that it counts for.
func (st *staging) left() Amount {
	if st.store.options.Account == nil {
		return Amount{}
	}
	stat, err := st.home.lstat()
	if err != nil {
		return Amount{}
	}
	return amountOf(&stat)
}

// takeOver makes a reservation of what was left.
func (st *staging) takeOver(left Amount) {
	s := st.store
	account := s.options.Account
	if account == nil {
		return
	}
	st.charge = &charge{account: account, held: left}
	account.Begin()
	s.mu.Lock()
	s.charged[st.home.name] = struct{}{}
	s.mu.Unlock()
	begun := Amount{}.Minus(left)
	account.End(begun, begun, Amount{})
	s.left.add(begun)
}

// takeRest makes the reservation that of the whole file.
func (st *staging) takeRest(replaced *unix.Stat_t) error {
	if st.charge == nil {
		return nil
	}
	return st.store.gate.outside(func() error {
		return st.charge.extend(st.options.Size, amountOf(replaced))
	})
}

// countLeft ends the reservation of a file that is left as it is. It fails where there is
// room for it only once the file that it replaces is gone.
func (st *staging) countLeft() error {
	size, err := st.lastSize()
	if err != nil {
		return err
	}
	s := st.store
	return st.charge.settle(size, Amount{}, func() error {
		s.mu.Lock()
		delete(s.charged, st.home.name)
		s.mu.Unlock()
		s.left.add(Amount{size, 1})
		return nil
	})
}

// removeLeft removes what was left of an upload, but for its journal, which the caller has
// locked.
func (s *Store) removeLeft(dirfd int, name string) error {
	var stat unix.Stat_t
	if s.options.Account != nil {
		stat, _ = lstat(dirfd, name) // where that fails, there is nothing to remove
	}
	gone := Amount{}.Minus(amountOf(&stat))
	err := s.change(gone, func() error { return removeEntry(dirfd, name, false) })
	if err == nil {
		s.left.add(gone)
	}
	return err
}

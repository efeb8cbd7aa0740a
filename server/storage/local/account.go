//go:build unix

package local

import (
	"sync"

	"ftpd/server/storage"

	"golang.org/x/sys/unix"
)

// Amount is how much of a quota something takes. A regular file takes its size, whatever
// the blocks that it has on the disk; a directory, a link or anything else takes no bytes.
// Each is one file, and one with several names is one for each of them.
type Amount struct {
	Bytes int64
	Files int64
}

// Plus returns the sum of two amounts.
func (a Amount) Plus(b Amount) Amount { return Amount{a.Bytes + b.Bytes, a.Files + b.Files} }

// Minus returns what a has more than b.
func (a Amount) Minus(b Amount) Amount { return Amount{a.Bytes - b.Bytes, a.Files - b.Files} }

// atMost returns the lesser of both, of bytes and files each.
func (a Amount) atMost(b Amount) Amount { return Amount{min(a.Bytes, b.Bytes), min(a.Files, b.Files)} }

// amountOf returns what an entry takes; that of the zero value, no entry, is none.
func amountOf(stat *unix.Stat_t) Amount {
	switch {
	case stat.Mode == 0:
		return Amount{}
	case kindOf(stat) == storage.Regular:
		return Amount{stat.Size, 1}
	default:
		return Amount{0, 1}
	}
}

// Account has the books of a quota. A store tells it before it takes room on the disk, and
// of each change of what is stored. Any goroutine may call its methods.
//
// A reservation is held for a file in the making. lent is what that file is expected to give
// back, being the one that it replaces: never more than is held for it, so that what is stored
// stays within the quota whichever of two files is committed first.
type Account interface {
	// Reserve holds more, or less, or is a storage.ErrQuota where there is no room. It
	// never waits for long unless patient; then what other programs have removed may be
	// found out first.
	Reserve(held, lent Amount, patient bool) error
	// Release ends a reservation of which nothing came.
	Release(held, lent Amount)
	// Begin tells that what is stored is about to change. The change is not made of more
	// than a few system calls.
	Begin()
	// End tells that the change was made, of how much more is stored now, and which
	// reservation that ends. All is zero where it failed.
	End(stored, held, lent Amount)
}

// change makes a change of the tree and books how much more is stored once it is made.
func (s *Store) change(stored Amount, do func() error) error {
	a := s.options.Account
	if a == nil {
		return do()
	}
	a.Begin()
	err := do()
	if err != nil {
		stored = Amount{}
	}
	a.End(stored, Amount{}, Amount{})
	return err
}

// charge is the reservation of a file in the making, or of a directory. Without an account
// it is nil, and all that it does is nothing.
type charge struct {
	account  Account
	replaces Amount // what the file replaced when it was begun

	mu   sync.Mutex
	held Amount
	lent Amount
	over bool // it was released, or has become what is stored
}

// reserve makes the reservation for a file of size bytes, which is negative where it is not
// known. replaces is what the file is to replace.
func (s *Store) reserve(size int64, replaces Amount, patient bool) (*charge, error) {
	account := s.options.Account
	if account == nil {
		return nil, nil
	}
	held := Amount{max(size, 0), 1}
	c := &charge{account: account, replaces: replaces, held: held, lent: replaces.atMost(held)}
	if err := c.demand(c.held, c.lent, patient); err != nil {
		return nil, err
	}
	return c, nil
}

// reserveOutside is a patient reserve for who is inside the gate.
func (s *Store) reserveOutside(size int64, replaced *unix.Stat_t) (c *charge, err error) {
	if s.options.Account == nil {
		return nil, nil
	}
	err = s.gate.outside(func() error {
		c, err = s.reserve(size, amountOf(replaced), true)
		return err
	})
	return c, err
}

// reserveDirectory makes the reservation for a directory that is to be made. Where it is
// there already, that counts for more than that there is no room.
func (s *Store) reserveDirectory(p place) (*charge, error) {
	c, err := s.reserve(0, Amount{}, false)
	if err != nil {
		if _, e := p.lstat(); e == nil {
			return nil, unix.EEXIST
		}
	}
	return c, err
}

// demand asks the account for more.
func (c *charge) demand(held, lent Amount, patient bool) error {
	if err := c.account.Reserve(held, lent, patient); err != nil {
		return &quotaError{err}
	}
	return nil
}

// grow holds room for the bytes up to end.
func (c *charge) grow(end int64) error {
	if c == nil {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.over || end <= c.held.Bytes {
		return nil
	}
	held := Amount{Bytes: end - c.held.Bytes}
	lent := Amount{Bytes: min(c.replaces.Bytes, end) - c.lent.Bytes}
	if err := c.demand(held, lent, false); err != nil {
		return err
	}
	c.held, c.lent = c.held.Plus(held), c.lent.Plus(lent)
	return nil
}

// extend makes the reservation of what was left of a file that of the whole one.
func (c *charge) extend(size int64, replaces Amount) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	held := Amount{size, 1}
	lent := replaces.atMost(held)
	if err := c.demand(held.Minus(c.held), lent, true); err != nil {
		return err
	}
	c.held, c.lent, c.replaces = held, lent, replaces
	return nil
}

// release gives back what is held.
func (c *charge) release() {
	if c == nil {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.over {
		c.over = true
		c.account.Release(c.held, c.lent)
	}
}

// settle makes the change that puts the file, of size bytes, among those that are stored, in
// place of replaced. Less may go than was expected, for which there must be room then.
func (c *charge) settle(size int64, replaced Amount, do func() error) error {
	if c == nil {
		return do()
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	held := Amount{size, 1}
	if lent := c.lent.atMost(replaced).atMost(held); lent != c.lent {
		if err := c.demand(held.Minus(c.held), lent.Minus(c.lent), false); err != nil {
			return err
		}
		c.held, c.lent = held, lent
	}
	c.account.Begin()
	if err := do(); err != nil {
		c.account.End(Amount{}, Amount{}, Amount{})
		return err
	}
	c.over = true
	c.account.End(held.Minus(replaced), c.held, c.lent)
	return nil
}

// lends tells whether room was found only in what the file is to replace.
func (c *charge) lends() bool { return c != nil && c.replaces != Amount{} }

// lastSize returns the size of a file in the making that nobody writes to any more, where
// there is a reservation for it.
func (st *staging) lastSize() (int64, error) {
	if st.charge == nil {
		return 0, nil
	}
	var stat unix.Stat_t
	err := retry(func() error { return unix.Fstat(st.fd, &stat) })
	return stat.Size, err
}

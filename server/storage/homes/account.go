//go:build unix

package homes

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"ftpd/server/storage/local"
)

// How often a home is counted anew, because something is refused that would have room if
// other programs had removed files: never sooner than this, and never so often that the
// counting takes more than a twentieth of the time. Only so long can who begins a PUT be
// refused for want of room that other programs have made.
const (
	recountAfter = time.Second
	recountShare = 20
)

// patience is how long who is refused waits for the home to be counted anew.
const patience = 2 * time.Second

// account has the books of a home with a quota. It is a [local.Account].
//
// What is stored is known from counting it once; from then on it is booked. A change of the
// tree and its booking cannot be one step for somebody who counts: so a count is believed
// only if no change was under way when it began, and none has begun until it ended.
type account struct {
	count  func(context.Context) (local.Amount, int, error)
	logger *slog.Logger
	now    func() time.Time
	counts chan struct{} // shared by all homes

	background sync.WaitGroup
	context    context.Context
	cancel     context.CancelFunc

	mu     sync.Mutex
	quota  Quota
	stored local.Amount
	held   local.Amount // for what is in the making
	lent   local.Amount // what of held is to come from files that are replaced

	underWay int    // changes
	begun    uint64 // changes, ever

	doubted  bool          // what is stored may have changed without being booked
	counting chan struct{} // closed when the count under way has ended; nil where there is none
	next     time.Time     // the earliest time for another
}

var _ local.Account = (*account)(nil)

func newAccount(quota Quota, counts chan struct{}) *account {
	a := &account{quota: quota, counts: counts, now: time.Now}
	a.context, a.cancel = context.WithCancel(context.Background())
	return a
}

// open counts what is stored, before anybody changes it.
func (a *account) open() error {
	begin := a.now()
	used, err := a.measure()
	if err != nil {
		return err
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	a.stored, a.doubted = used, false
	a.schedule(begin)
	return nil
}

// measure counts.
func (a *account) measure() (local.Amount, error) {
	used, skipped, err := a.count(a.context)
	if skipped > 0 && a.logger != nil {
		a.logger.Warn("a home with a quota has directories that cannot be read, and what is in them is not counted", "directories", skipped)
	}
	return used, err
}

// schedule sets when to count again. Called with a.mu held.
func (a *account) schedule(begin time.Time) {
	now := a.now()
	a.next = now.Add(max(recountAfter, recountShare*now.Sub(begin)))
}

// close ends a count under way.
func (a *account) close() {
	a.cancel()
	a.background.Wait()
}

func (a *account) limit(quota Quota) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.quota = quota
}

// doubt has the home counted anew.
func (a *account) doubt() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.doubted = true
	a.recount()
}

// Reserve implements [local.Account].
func (a *account) Reserve(held, lent local.Amount, patient bool) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	err := a.book(held, lent)
	if err == nil && !a.doubted {
		return nil
	}
	counting := a.recount()
	if err == nil || !patient || counting == nil {
		return err
	}
	a.mu.Unlock()
	limit := time.NewTimer(patience)
	defer limit.Stop()
	select {
	case <-counting:
	case <-limit.C:
	}
	a.mu.Lock()
	return a.book(held, lent)
}

// book makes a reservation if there is room for it. Called with a.mu held.
func (a *account) book(held, lent local.Amount) error {
	if err := a.room(held, lent); err != nil {
		return err
	}
	a.held, a.lent = a.held.Plus(held), a.lent.Plus(lent)
	return nil
}

// Release implements [local.Account].
func (a *account) Release(held, lent local.Amount) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.held, a.lent = a.held.Minus(held), a.lent.Minus(lent)
}

// Begin implements [local.Account].
func (a *account) Begin() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.underWay++
	a.begun++
}

// End implements [local.Account]. What two changes made one after the other may be booked the
// other way round: a directory that one call has just made is removed by another, which is
// booked first. So the books may be less than nothing while a change is under way, and are not
// mended until none is; less than nothing is stored then only where other programs have come
// in between.
func (a *account) End(stored, held, lent local.Amount) {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.underWay--
	a.held, a.lent = a.held.Minus(held), a.lent.Minus(lent)
	a.stored = a.stored.Plus(stored)
	if a.underWay == 0 && (a.stored.Bytes < 0 || a.stored.Files < 0) {
		a.stored = local.Amount{Bytes: max(0, a.stored.Bytes), Files: max(0, a.stored.Files)}
		a.doubted = true
	}
}

// recount has the home counted anew, if it is time for that, and returns what is closed
// once that is done; nil is that it is not counted. Called with a.mu held.
func (a *account) recount() <-chan struct{} {
	if a.counting != nil || a.now().Before(a.next) || a.context.Err() != nil {
		return a.counting
	}
	done := make(chan struct{})
	a.counting = done
	a.background.Go(func() {
		a.counts <- struct{}{}
		defer func() { <-a.counts }()
		begin := a.now()
		for range 3 {
			if a.tryCount() {
				break
			}
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		a.schedule(begin)
		a.counting = nil
		close(done)
	})
	return done
}

// tryCount counts, and reports whether nothing was changed meanwhile.
func (a *account) tryCount() bool {
	a.mu.Lock()
	begun, quiet := a.begun, a.underWay == 0
	a.mu.Unlock()
	if !quiet {
		return false
	}
	used, err := a.measure()
	a.mu.Lock()
	defer a.mu.Unlock()
	if err != nil || a.begun != begun {
		return false
	}
	a.stored, a.doubted = used, false
	return true
}

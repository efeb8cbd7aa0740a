//go:build unix

package homes

import (
	"os"
	"time"

	"ftpd/server/storage/local"
)

// home is a directory that is open, or is being opened or closed.
type home struct {
	key     key
	account *account // nil where there is no quota

	ready chan struct{} // closed once store or err is there
	store *local.Store
	err   error

	over chan struct{} // closed once it is closed, where closing is set

	// Under the lock of Homes.
	users   int
	idle    *time.Timer // nil until nobody used it for the first time
	closing bool        // it is given up, and is not to be used any more
}

// start opens the store and counts what is there.
func (m *home) start(root *os.Root, options local.Options) {
	defer close(m.ready)
	if m.account == nil {
		m.store, m.err = local.OpenRoot(root, options)
		return
	}
	options.Account = m.account
	if m.store, m.err = local.OpenRoot(root, options); m.err != nil {
		return
	}
	m.account.count, m.account.logger = m.store.Usage, options.Logger
	if m.err = m.account.open(); m.err != nil {
		_ = m.store.Close() // the first error is the one to tell
		m.store = nil
	}
}

// isReady reports whether store or err is there.
func (m *home) isReady() bool {
	select {
	case <-m.ready:
		return true
	default:
		return false
	}
}

// limit gives the home another quota.
func (m *home) limit(quota Quota) {
	if m.account != nil {
		m.account.limit(quota)
	}
}

// close gives up what the home holds.
func (m *home) close() error {
	if m.account != nil {
		m.account.close()
	}
	if m.store == nil {
		return nil
	}
	return m.store.Close()
}

// end is close for a home that may still be opened.
func (m *home) end() error {
	<-m.ready
	return m.close()
}

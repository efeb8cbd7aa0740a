//go:build unix

// Package homes gives each user a directory below one root as a storage of its own, and
// counts what is stored there where there is a quota.
//
// Users of one directory share a store, by whatever path they name it. All stores of a root
// have locks of names, waits for the disk and memory for digests in common
// ([local.Common]): so a condition of a PUT holds also where one home lies in another, and
// many users take no more memory than one.
package homes

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"strings"
	"sync"
	"syscall"
	"time"

	"ftpd/server/storage"
	"ftpd/server/storage/local"
)

// homeMode is that of a home which is made, before the umask: others on the machine have no
// business there.
const homeMode = 0o750

// Options are what all homes of a root are opened with.
type Options struct {
	local.Options               // of each home's store; Common and Account are set here
	Make          bool          // make a home that is missing
	Idle          time.Duration // how long a home stays open that nobody uses; 0 is one minute, negative not at all
}

// Quota is what a home may hold, see [local.Amount]; 0 is no limit.
type Quota local.Amount

// limits tells whether there is a limit.
func (q Quota) limits() bool { return q.Bytes > 0 || q.Files > 0 }

// Homes are the homes below a root. Any goroutine may use it.
type Homes struct {
	root    *os.Root
	options Options
	counts  chan struct{} // one for each home that is counted anew at the moment

	mu     sync.Mutex
	open   map[key]*home
	closed bool
}

// key tells homes apart. A store without a quota keeps no books, so it is never that of a
// user who has one.
type key struct {
	device, inode uint64
	limited       bool
}

// atOnce is how many homes are counted anew at the same time.
const atOnce = 2

// maxWaiting bounds the calls of Acquire that wait for one home to be counted, so that who
// has a large one leaves others the means to open theirs.
const maxWaiting = 8

// Open opens the root, which must exist. Its errors name it.
func Open(root string, options Options) (*Homes, error) {
	dir, err := os.OpenRoot(root)
	if err != nil {
		return nil, fmt.Errorf("open the directory to serve: %w", err)
	}
	if options.Idle == 0 {
		options.Idle = time.Minute
	}
	options.Common = local.NewCommon(options.DigestCache)
	return &Homes{root: dir, options: options, open: map[key]*home{}, counts: make(chan struct{}, atOnce)}, nil
}

// Acquire returns the storage of a home, a path below the root with or without a slash
// before it, until release is called; "/" is the root itself. No link leads out of the root.
//
// The first to use a home with a quota waits until it is counted, as do a few others; more
// get [storage.ErrBusy]. Where the same home is
// acquired with another quota, the last one counts for all. A quota that is given to a home
// in use, or taken from it, counts for those who come from then on: so long as others use it
// without, what they change is not counted, and the home is counted anew once they are gone.
func (h *Homes) Acquire(path string, quota Quota) (storage.Storage, func(), error) {
	for {
		root, key, err := h.enter(path)
		if err != nil {
			return nil, nil, fmt.Errorf("open the home %q: %w", path, err)
		}
		key.limited = quota.limits()
		home, err := h.use(key, root, quota)
		if err != nil {
			return nil, nil, fmt.Errorf("open the home %q: %w", path, err)
		}
		if home == nil {
			continue // it was being closed
		}
		return home.store, sync.OnceFunc(func() { h.release(home) }), nil
	}
}

// enter opens the directory of a home.
func (h *Homes) enter(raw string) (*os.Root, key, error) {
	path, err := storage.ParsePath(strings.TrimLeft(raw, "/"))
	if err != nil {
		return nil, key{}, err
	}
	root, err := h.root.OpenRoot(string(path))
	if errors.Is(err, fs.ErrNotExist) && h.options.Make && !h.options.ReadOnly {
		if err = h.root.MkdirAll(string(path), homeMode); err == nil {
			root, err = h.root.OpenRoot(string(path))
		}
	}
	if err != nil {
		return nil, key{}, err
	}
	info, err := root.Stat(".")
	if err != nil {
		_ = root.Close()
		return nil, key{}, err
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		_ = root.Close()
		return nil, key{}, errors.ErrUnsupported
	}
	return root, key{device: uint64(stat.Dev), inode: uint64(stat.Ino)}, nil
}

// use counts one more user of a home, whose directory is the home's from then on. It
// returns nil where the home was being closed and is closed now.
func (h *Homes) use(key key, root *os.Root, quota Quota) (*home, error) {
	h.mu.Lock()
	if h.closed {
		h.mu.Unlock()
		_ = root.Close()
		return nil, fs.ErrClosed
	}
	home := h.open[key]
	if home == nil {
		home = h.add(key, quota)
		h.mu.Unlock()
		home.start(root, h.options.Options)
	} else {
		closing, crowded := home.closing, !home.isReady() && home.users >= maxWaiting
		if !crowded {
			home.users++
		}
		h.mu.Unlock()
		_ = root.Close()
		switch {
		case closing:
			<-home.over
			return nil, nil
		case crowded:
			return nil, fmt.Errorf("%w: what is in it is being counted", storage.ErrBusy)
		}
		<-home.ready
	}
	if home.err != nil {
		h.release(home)
		return nil, home.err
	}
	home.limit(quota)
	return home, nil
}

// add enters a home that is to be started, with one user. Called with h.mu held.
func (h *Homes) add(key key, quota Quota) *home {
	home := &home{key: key, users: 1, ready: make(chan struct{}), over: make(chan struct{})}
	if quota.limits() {
		home.account = newAccount(quota, h.counts)
	}
	h.open[key] = home
	return home
}

// release ends a use. A home that nobody uses is closed after a while, for users come back.
func (h *Homes) release(home *home) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if home.users--; home.users > 0 || h.closed {
		return
	}
	if home.err != nil || h.options.Idle < 0 {
		h.leave(home)
		return
	}
	home.idle = time.AfterFunc(h.options.Idle, func() { h.expire(home) })
}

// expire closes a home that nobody has used for a while. One with what is left of an upload
// stays open, for that is to be swept.
func (h *Homes) expire(home *home) {
	kept := home.store.Keeps()
	h.mu.Lock()
	defer h.mu.Unlock()
	switch {
	case home.users > 0 || home.closing || h.closed:
	case kept:
		home.idle = time.AfterFunc(h.options.Idle, func() { h.expire(home) })
	default:
		h.leave(home)
	}
}

// leave has a home closed. Called with h.mu held.
func (h *Homes) leave(home *home) {
	home.closing = true
	go func() {
		_ = home.close() // there is nobody to tell
		h.mu.Lock()
		delete(h.open, home.key)
		limited := home.key
		limited.limited = true
		if other := h.open[limited]; other != nil && !h.options.ReadOnly {
			other.account.doubt()
		}
		h.mu.Unlock()
		close(home.over)
	}()
}

// Close closes every home, whoever uses it, as [local.Store] does.
func (h *Homes) Close() error {
	h.mu.Lock()
	if h.closed {
		h.mu.Unlock()
		return nil
	}
	h.closed = true
	var open, closing []*home
	for _, home := range h.open {
		if home.closing {
			closing = append(closing, home)
			continue
		}
		open = append(open, home)
		if home.idle != nil {
			home.idle.Stop()
		}
	}
	h.mu.Unlock()
	var errs []error
	for _, home := range open {
		errs = append(errs, home.end())
	}
	for _, home := range closing {
		<-home.over
	}
	return errors.Join(append(errs, h.root.Close())...)
}

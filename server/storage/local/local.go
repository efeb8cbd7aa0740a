//go:build unix

// Package local keeps files in a directory of the server's file system.
//
// Nothing outside the directory is ever reached: every path goes through
// openDirectory, which resolves it with [os.Root], and what is then done to the
// last component is done relative to the descriptor that came of it and
// follows no link. The one way through a link at the end of a path is
// following, which resolves it by the same two steps.
//
// What an upload has sent so far lives in the hidden directory .ftpd-staging
// of the root (instance.go), or, where the target is on another file system
// mounted below the root, in a hidden file beside the target. The directory
// goes when the store is closed; what a killed server left is swept by the
// next one that opens the same root. Only what can be gone on with stays, for
// as long as [Options.KeepResumable] says (resume.go).
//
// # What a file system must offer
//
// rename(2) must replace a file in one step, and flock(2) must work. Unix
// permissions are used to mark the staging directories: on a file system
// without them, a symbolic link made by someone on the server can name a
// staging file.
//
// # What a change is worth after a power failure
//
// Unless [Options.NoSync] is set, Commit, Mkdir, Remove and Rename return
// after an fsync of whatever they changed.
package local

import (
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"ftpd/server/storage"

	"golang.org/x/sys/unix"
)

// Modes where neither the client nor the options name one, before the umask.
const (
	defaultFileMode      = 0o644
	defaultDirectoryMode = 0o755
)

// Options refine a Store. The zero value is the default.
type Options struct {
	NoSync        bool          // change nothing durably: no fsync at all
	ReadOnly      bool          // refuse every change with fs.ErrPermission, and leave even the staging of a killed server alone
	FileMode      uint32        // permission bits of a file whose client gave none, before the umask; 0 is 0644
	DirectoryMode uint32        // the same of a directory; 0 is 0755
	KeepResumable time.Duration // how long the part of an upload is kept that can be gone on with; 0 is 24 hours, negative not at all
	DigestCache   int64         // bytes of memory for digests of files that do not change; 0 is 32 MiB, negative none; that of Common counts where there is one
	ListDepth     int           // directories in each other that are listed; 0 is 1,000
	Logger        *slog.Logger  // where the sweep says what it removed; nil is nowhere
	Common        *Common       // what the store shares with others of the same tree; nil is nothing
	Account       Account       // the books of a quota; nil is none
}

// Store is a directory as a [storage.Storage].
type Store struct {
	root    *os.Root
	top     *os.File // the root again, as a descriptor to name entries from
	topID   fileID
	escapes error // what os.Root answers for a path that leads out of it
	cached  cached
	options Options
	*common
	now func() time.Time
	// inSteps is set once the kernel has refused openat2(2) itself: before Linux 5.6
	// (ENOSYS), and where a seccomp filter does not know it (EPERM).
	inSteps atomic.Bool

	mu       sync.Mutex
	instance *instance                // nil until the first Create
	staged   map[*staging]struct{}    // neither committed nor aborted
	claimed  map[string]chan struct{} // names of what can be gone on with and is; closed when it is ended
	outdated map[string]struct{}      // those of claimed whose file another upload has stored
	shared   map[string]*staging      // those of claimed that Join finds
	charged  map[string]struct{}      // those of claimed that there is a reservation for
	closed   bool

	takeoverWait time.Duration
	sweeping     sync.WaitGroup
	done         chan struct{} // closed by Close
}

var _ storage.Storage = (*Store)(nil)

// Open serves the directory dir, which must exist, and removes what servers
// that were killed left of their uploads in it. Its errors name dir.
func Open(dir string, options Options) (*Store, error) {
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, fmt.Errorf("open the directory to serve: %w", err)
	}
	return OpenRoot(root, options)
}

// OpenRoot is Open for a directory that is open, which is the store's from then on.
func OpenRoot(root *os.Root, options Options) (*Store, error) {
	s := &Store{root: root, options: options.withDefaults(), staged: map[*staging]struct{}{}, now: time.Now}
	s.common = &s.options.Common.common
	s.claimed, s.takeoverWait, s.done = map[string]chan struct{}{}, takeoverWait, make(chan struct{})
	s.outdated, s.shared, s.charged = map[string]struct{}{}, map[string]*staging{}, map[string]struct{}{}
	if err := s.openTop(); err != nil {
		_ = root.Close()
		return nil, fmt.Errorf("open the directory to serve: %w", err)
	}
	if options.ReadOnly {
		return s, nil
	}
	_ = bootID() // now: a server that confines itself later may not reach it any more
	if err := s.sweep(); err != nil {
		_ = s.top.Close()
		_ = root.Close()
		return nil, fmt.Errorf("open the directory to serve: %s: %w", root.Name(), err)
	}
	s.sweeping.Go(func() { s.sweepOften(s.done) })
	return s, nil
}

func (o Options) withDefaults() Options {
	if o.FileMode == 0 {
		o.FileMode = defaultFileMode
	}
	if o.DirectoryMode == 0 {
		o.DirectoryMode = defaultDirectoryMode
	}
	if o.Common == nil {
		o.Common = NewCommon(o.DigestCache)
	}
	if o.KeepResumable == 0 {
		o.KeepResumable = 24 * time.Hour
	}
	if o.ListDepth == 0 {
		o.ListDepth = 1000
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	return o
}

func (s *Store) openTop() error {
	top, err := s.root.OpenFile(".", os.O_RDONLY|unix.O_DIRECTORY, 0)
	if err != nil {
		return err
	}
	var stat unix.Stat_t
	if err := unix.Fstat(int(top.Fd()), &stat); err != nil {
		_ = top.Close()
		return &fs.PathError{Op: "fstat", Path: s.root.Name(), Err: err}
	}
	s.top, s.topID, s.escapes = top, idOf(&stat), escapeError(s.root)
	s.cached = cachedOf(int(top.Fd()))
	return nil
}

// Close ends the uploads that are under way, of which it keeps what can be gone
// on with, removes the staging directory if nothing is kept, and gives up the
// descriptors.
func (s *Store) Close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	var open []*staging
	for st := range s.staged {
		open = append(open, st)
	}
	s.mu.Unlock()

	close(s.done)
	s.sweeping.Wait()
	// Leave takes s.mu, so it is called without it.
	for _, st := range open {
		_ = st.Leave()
	}
	if !s.options.ReadOnly {
		s.sweepResumable(time.Now().Add(-s.options.KeepResumable))
	}
	s.closeInstance()
	err := s.top.Close()
	if e := s.root.Close(); err == nil {
		err = e
	}
	return err
}

// writable is the first thing every change asks.
func (s *Store) writable(path storage.Path) error {
	if s.options.ReadOnly {
		return fmt.Errorf("%q: %w: the server is read-only", string(path), fs.ErrPermission)
	}
	return nil
}

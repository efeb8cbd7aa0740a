// Package storage is what a session needs from the place files are kept:
// a directory (package local), and later other stores. Nothing above it
// assumes a descriptor.
//
// Every method may block for as long as a disk does, so the loop calls none but that of
// Cached: they run on the offload pool, several at a time. All are safe for
// concurrent use unless said otherwise.
package storage

import (
	"context"
	"time"
)

// Cached is a Storage that has some answers in memory.
type Cached interface {
	// StatCached is Stat where that waits for nothing: neither a disk nor a network. It
	// reports false where it would wait, and for a link and an error, which are left to Stat.
	StatCached(path Path) (Info, bool)
}

// Storage is a tree of files.
type Storage interface {
	// Stat describes a path. follow says whether a symbolic link at its end
	// is followed; one that leads out of the tree is an error.
	Stat(path Path, follow bool) (Info, error)
	// Open opens a regular file for reading. Anything else is ErrIsDirectory
	// or ErrInvalid; a named pipe never blocks it.
	Open(path Path) (File, error)
	// OpenEach opens several files as Open does and hands them to visit, which owns
	// them, in the order of paths; i is the place in that. It ends early when visit
	// returns false, and after one that took long, for the others are better opened
	// by several callers then. What they have in common may be looked up once for
	// all: a directory that is renamed meanwhile is the one that it was.
	OpenEach(paths []Path, visit func(i int, file File, err error) bool)
	// List returns the entries of a directory, or with recursive of the whole
	// tree below it. Symbolic links are listed and not followed.
	List(path Path, recursive bool) (Lister, error)
	// Create begins a file that appears under path only when it is committed.
	// It fails early for what would make the commit fail: ErrIsDirectory,
	// fs.ErrExist and ErrChanged for the conditions, ErrNoSpace. Of one path and
	// source only one file at a time goes on with what was left: while that is not
	// ended, and it may wait a moment for that, others begin anew and are not kept.
	Create(path Path, options CreateOptions) (Staging, error)
	// Join returns the file that a Create with Shared has begun and that has not ended,
	// for another caller to write blocks to. It is that of the same path, size, source,
	// version and size of a block; where there is none it is fs.ErrNotExist.
	Join(path Path, options CreateOptions) (Joined, error)
	// StoreEach does for each of several small files what Create, WriteAt and Commit
	// do, and returns what came of each. They share what can be shared: the look at
	// the directory, and the wait for the disk. None depends on another; where a path
	// comes twice, the later one counts.
	StoreEach(files []Whole) []Stored
	// Mkdir makes a directory. mode holds permission bits, 0 is the default;
	// parents makes missing parents too and accepts an existing directory.
	Mkdir(path Path, mode uint32, parents bool) error
	// Remove removes a file, a link or an empty directory, or with recursive
	// a tree, and returns how many entries went. Of a tree all goes that can:
	// the error is that of the first entry which cannot, begins with its path,
	// quoted, and says how many others stay for a reason of their own. It
	// stops with the context's error soon after ctx is done; what is gone by
	// then stays gone. The root is ErrInvalid.
	Remove(ctx context.Context, path Path, recursive bool) (int, error)
	// Rename moves a file or a directory, replacing a file at to. A directory
	// at to is ErrIsDirectory, one that would move into itself ErrInvalid, and
	// so is a move that the store cannot do in one step.
	Rename(from, to Path, options RenameOptions) error
	// Close leaves what is staged and gives up what the storage holds. No
	// other call may follow, but for those that close or end what it returned.
	Close() error
}

// CreateOptions are the conditions of a Create. The zero value replaces
// whatever file is there.
type CreateOptions struct {
	CreateOnly bool   // the path must not exist, now and at the commit
	IfMatch    uint64 // the ETag the path must have, now and at the commit; 0 is any
	Parents    bool   // make missing parent directories, at the commit
	Size       int64  // the size to come in bytes, to fail early for want of space; negative is unknown
	Resume     Resume // what the file is to be gone on with by; the zero value is not at all
	Shared     bool   // Join is to find the file, where it can be gone on with
}

// Whole is a file of which all is there. Its options are those of a file that is not
// to be gone on with.
type Whole struct {
	Path    Path
	Content []byte
	Digest  Digest // of Content, the only block, for Recall; zero where that is empty
	CreateOptions
	Attributes
}

// Stored is what came of a Whole.
type Stored struct {
	Info
	Err error
}

// Store stores one file, by Create, WriteAt and Commit.
func Store(in Storage, w *Whole) (Info, error) {
	staging, err := in.Create(w.Path, w.CreateOptions)
	if err != nil {
		return Info{}, err
	}
	if len(w.Content) > 0 {
		if _, err := staging.WriteAt(w.Content, 0); err != nil {
			_ = staging.Abort() // the first error is the one to tell
			return Info{}, err
		}
		if err := staging.Mark(0, w.Digest); err != nil {
			_ = staging.Abort()
			return Info{}, err
		}
	}
	return staging.Commit(w.Attributes)
}

// longOpen is how long OpenEach goes on to the next file.
const longOpen = time.Millisecond

// OpenEach is that of a Storage which opens each file by open.
func OpenEach(paths []Path, open func(path Path) (File, error), visit func(i int, file File, err error) bool) {
	stop := time.Now().Add(longOpen)
	for i, path := range paths {
		file, err := open(path)
		if !visit(i, file, err) || time.Now().After(stop) {
			return
		}
	}
}

// Resume names what is stored, so that a file in the making can outlive the
// connection that it comes by. It counts where the file has a known size of more
// than one block, and a storage may do without: it then marks nothing.
type Resume struct {
	Source  uint64 // tells the source from every other; 0 is that nothing is to be kept
	Version uint64 // differs between any two contents of the source
	Block   int64  // bytes of a block, the unit in which it is gone on with
}

// Digest is that of a block, by whatever function: storage only keeps it.
type Digest [16]byte

// RenameOptions refine a Rename. The zero value replaces and makes nothing.
type RenameOptions struct {
	NoReplace bool // fail with fs.ErrExist where to is taken
	Parents   bool // make missing parent directories of to
}

// File is an open regular file. It reads what it was opened as, even if the
// path names another file by now.
type File interface {
	// ReadAt is that of io.ReaderAt.
	ReadAt(p []byte, offset int64) (int, error)
	// Info describes the file as it was when it was opened.
	Info() Info
	// Stat describes the file as it is now, so that a caller sees by the ETag
	// whether it changed since the last time. That it was replaced or removed
	// under its path changes nothing of what is read here, and so no ETag.
	Stat() (Info, error)
	// Recall returns the digest that Remember was told of a block, from 0 on, of this
	// version of the file, by whichever reader, or Mark when it was stored. ok is
	// false where it is not known, and once the file has changed since it was opened.
	Recall(block int64) (digest Digest, ok bool)
	// Remember keeps the digest of a block that was just read, for as long as the
	// file is the version that was opened and there is memory for it. Where another
	// one was known of the block, everything that is known of the file is forgotten.
	Remember(block int64, digest Digest)
	Close() error
}

// Lister walks the entries of a listing in no particular order and in bounded
// memory; that of a directory comes before those of what it contains, and none
// begins with Reserved. An entry whose path has more than 4096 bytes is left
// out; instead its directory gets, once, an entry with Err, an ErrInvalid,
// after the plain one. One goroutine uses it at a time.
type Lister interface {
	// Next returns the next entry, io.EOF after the last. A directory that
	// cannot be read is an entry with Err set, after the plain one where it
	// failed only later, and the walk goes on. The listed directory itself is
	// no entry: where it cannot be read, its error ends the listing.
	Next() (Entry, error)
	Close() error
}

// Staging is a file in the making, hidden from every listing. WriteAt and Mark
// may be called concurrently; Commit, Abort or Leave ends it.
type Staging interface {
	// WriteAt is that of io.WriterAt.
	WriteAt(p []byte, offset int64) (int, error)
	// Marked returns the digests of the blocks that are there already, from the
	// first on and without a gap, where an earlier staging file of the same
	// path, size, source and version was left. dropped says that one was
	// left of another size or version, which is gone now. It is called once.
	Marked() (digests []Digest, dropped bool)
	// Mark remembers the digest of a block that was written; only the last one may
	// be short. It is for who goes on with the file, where that is wanted, and for
	// who reads it once it is committed.
	Mark(block int64, digest Digest) error
	// Commit gives the file its mode and time, makes it durable (unless the
	// storage was told otherwise), puts it under its path in one step and
	// makes that durable too. On an error nothing is left behind and the path
	// is as it was; only where the very last step fails, the new file is
	// there and may not survive a power failure. Parents that it made go too,
	// unless somebody else relies on them by now. It waits for each WriteAt
	// under way; later ones are fs.ErrClosed.
	Commit(attributes Attributes) (Info, error)
	// Abort forgets the file. After Commit, Abort or Leave it does nothing.
	Abort() error
	// Leave gives the file up and keeps what is marked of it, for a while, for
	// a Create with the same Resume. Where there is nothing to keep, or a WriteBlock
	// has failed, it is Abort.
	Leave() error
	// Shared tells whether Join finds the file.
	Shared() bool
	// Gather ends what Join allows, and returns the digests of the blocks that are
	// there, from the first on and without a gap. It waits for a WriteBlock under way.
	// It is for a shared file, before Commit.
	Gather() ([]Digest, error)
}

// Joined is a file in the making that another caller owns. It holds nothing, and need
// not be ended.
type Joined interface {
	// WriteBlock writes a block and marks it, in one step for whoever else writes the
	// same one. Blocks come in any order. Once the file has ended, or was gathered, it
	// is fs.ErrNotExist.
	WriteBlock(block int64, p []byte, digest Digest) error
}

// Attributes are what a file gets besides its bytes.
type Attributes struct {
	Mode  uint32    // permission bits; 0 is the storage's default
	Mtime time.Time // the zero time is that of the commit
}

// Kind says what a path names.
type Kind uint8

// The kinds.
const (
	Regular Kind = iota + 1
	Directory
	Symlink
	Special // a device, a socket, a named pipe
)

// Info describes a path.
type Info struct {
	Kind   Kind
	Mode   uint32 // permission bits
	Size   int64  // in bytes; of a regular file only
	Mtime  time.Time
	ETag   uint64 // changes whenever the content may have; never 0 for a regular file
	Target string // of a symbolic link
}

// Entry is one line of a listing.
type Entry struct {
	Path string // below the listed directory, with slashes
	Info
	Err error // why this directory could not be read, or this entry not described; Info may be partial then
}

package client

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"iter"
	"os"
	"strings"
	"time"
)

// LocalEntry is a name in a tree of this machine.
type LocalEntry struct {
	Path    string    // below the top, with slashes
	Kind    Kind      // with CopyLinks that of what a link leads to
	Size    int64     // in bytes; of a file
	Mtime   time.Time // of a file
	Skipped string    // why no copy would be made, as FileEvent has it
	Err     error     // why nothing is known of it, or of what the directory holds
}

// WalkLocal yields all that is below a directory of this machine, a directory
// before what it holds: of what PutTree would store the same as it would, and what
// it would skip. selects is as TransferOptions.Select, and asked for what is skipped
// too. An error as the second value ends the walk. What cannot be read is an entry with
// Err set.
func WalkLocal(ctx context.Context, local string, links Links, selects func(path string, kind Kind) bool) iter.Seq2[LocalEntry, error] {
	return func(yield func(LocalEntry, error) bool) {
		dirs, err := openLocalDirs(local, openLimitsOf(descriptorLimit()).dirs)
		if err != nil {
			yield(LocalEntry{}, err)
			return
		}
		defer dirs.finish(nil) // none was made
		dirs.links = links
		for pending := []string{"."}; len(pending) > 0; {
			last := len(pending) - 1
			dir := pending[last]
			pending = pending[:last]
			err := dirs.read(ctx, dir, func(in *localDir, path string, e fs.DirEntry) bool {
				entry := dirs.describe(in, path, e)
				if selects != nil && !selects(path, entry.Kind) {
					return true
				}
				if entry.Kind == Directory && entry.Skipped == "" && entry.Err == nil {
					pending = append(pending, path)
				}
				return yield(entry, nil)
			})
			switch {
			case errors.Is(err, errStopped): // by yield
				return
			case ctx.Err() != nil:
				yield(LocalEntry{}, ctx.Err())
				return
			case err != nil && !yield(LocalEntry{Path: dir, Kind: Directory, Err: err}, nil):
				return
			}
		}
	}
}

// errStopped is that a visitor of read wants no more.
var errStopped = errors.New("stopped")

// read calls visit for each entry of a directory, and returns errStopped when that
// returned false.
func (d *localDirs) read(ctx context.Context, path string, visit func(in *localDir, path string, e fs.DirEntry) bool) error {
	in, err := d.use(path)
	if err != nil {
		return err
	}
	defer d.release(in)
	f, err := in.list(localPath(d.base, path))
	if err != nil {
		return localError("open", localPath(d.base, path), err)
	}
	defer func() { _ = f.Close() }() // it was only read
	for ctx.Err() == nil {
		entries, err := f.ReadDir(readDirBatch)
		for _, e := range entries {
			if !visit(in, join(path, e.Name()), e) {
				return errStopped
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return localError("read", localPath(d.base, path), err)
		}
	}
	return nil // the context tells the rest
}

// describe tells what an entry of a directory is.
func (d *localDirs) describe(in *localDir, path string, e fs.DirEntry) LocalEntry {
	entry := LocalEntry{Path: path}
	entry.Kind, entry.Skipped, entry.Err = d.classify(path, e)
	if entry.Kind != File || entry.Err != nil {
		return entry
	}
	info, err := d.stat(in, path)
	if err != nil {
		entry.Err = err
		return entry
	}
	entry.Size, entry.Mtime = info.Size(), info.ModTime()
	return entry
}

// classify tells what an entry of a directory is, or what it leads to, and why it is to be
// skipped, if so. What is no link is told without a system call.
func (d *localDirs) classify(path string, e fs.DirEntry) (kind Kind, skipped string, err error) {
	mode := e.Type()
	if kind = kindOf(mode); kind == Symlink && d.links == CopyLinks {
		info, err := d.follow(path)
		if err != nil {
			return kind, "", err
		}
		kind = kindOf(info.Mode())
	}
	switch {
	case strings.HasPrefix(e.Name(), reserved):
		return kind, SkippedReserved, nil
	case IsPart(e.Name()):
		return kind, SkippedPart, nil
	case kind == Symlink || kind == Special:
		return kind, kind.String(), nil
	}
	return kind, "", nil
}

// follow describes what a link leads to. A directory that it lies in itself is an
// error, for the walk would not end.
func (d *localDirs) follow(path string) (fs.FileInfo, error) {
	info, err := os.Stat(localPath(d.base, path))
	if err != nil {
		return nil, localError("follow", localPath(d.base, path), err)
	}
	if !info.IsDir() {
		return info, nil
	}
	for dir := path; dir != "."; {
		dir, _ = split(dir)
		above, err := d.use(dir)
		if err != nil {
			return nil, err
		}
		held, err := above.root.Stat(".")
		d.release(above)
		if err != nil {
			return nil, localError("stat", localPath(d.base, dir), err)
		}
		if os.SameFile(info, held) {
			return nil, localError("follow", localPath(d.base, path), errors.New(linkLoops))
		}
	}
	return info, nil
}

// stat describes a file, or with CopyLinks the one that a link leads to.
func (d *localDirs) stat(in *localDir, path string) (fs.FileInfo, error) {
	_, name := split(path)
	info, err := in.root.Lstat(name)
	if err == nil && info.Mode()&fs.ModeSymlink != 0 && d.links == CopyLinks {
		info, err = os.Stat(localPath(d.base, path))
	}
	if err != nil {
		return nil, localError("stat", localPath(d.base, path), err)
	}
	return info, nil
}

func kindOf(mode fs.FileMode) Kind {
	switch {
	case mode.IsDir():
		return Directory
	case mode.IsRegular():
		return File
	case mode&fs.ModeSymlink != 0:
		return Symlink
	}
	return Special
}

package client

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"sync"
	"syscall"
)

const (
	// walkers is how many directories are read at once, where the descriptors
	// suffice.
	walkers = 8
	// makers is how many are being made on the server, each of which takes a round
	// trip before the files in it can be sent.
	makers = 256
	// readDirBatch is how many entries of a directory are read at once.
	readDirBatch = 512
)

// PutTree makes remote a copy of the directory local: remote is made with its
// parents if it is missing and merged into if it is there. Each file is
// stored as PutFile does. A directory gets its mode, always with all that its
// owner needs to fill it, but not its time. Skipped are symbolic links unless
// TransferOptions.Links says otherwise, special files, which are never opened, the
// part files of interrupted transfers, and names that begin with ".ftpd-", which a
// server keeps for itself.
// A directory that was not there when the tree was begun is no part of it, so
// that a tree can be put into itself.
//
// A file that fails does not stop the others: the error is then a *TreeError;
// of a directory that cannot be made nothing is tried. Any other error, such
// as that of the connection or of ctx, ended the tree early.
func (c *Client) PutTree(ctx context.Context, local, remote string, o *TransferOptions) (Summary, error) {
	t := &treePutter{tree: newTree(ctx, c, remote, local, o)}
	t.changed.L = &t.walking
	t.reading = make(chan struct{}, t.limits.walkers)
	if err := t.open(); err != nil {
		t.end(err)
		return t.result()
	}
	t.start(t.transfer, t.direction())
	t.walk(makers, t.walkOne)
	t.finish()
	t.dirs.finish(t.failed)
	return t.result()
}

type treePutter struct {
	*tree

	walking sync.Mutex
	changed sync.Cond       // pending or busy changed
	pending []string        // directories to walk
	busy    int             // those being walked
	known   map[string]bool // directories that were there at first
	reading chan struct{}   // holds a token for each directory that is open for its walk
}

// open surveys the local tree and makes the remote directory.
func (t *treePutter) open() error {
	info, err := os.Stat(t.local)
	if err != nil {
		return localError("open", t.local, err)
	}
	if !info.IsDir() {
		return localError("open", t.local, syscall.ENOTDIR)
	}
	if t.dirs, err = openLocalDirs(t.local, t.limits.dirs); err != nil {
		return err
	}
	t.dirs.links = t.options.Links
	t.known = make(map[string]bool)
	t.walk(t.limits.walkers, t.survey)
	if t.remote == "" || t.remote == "." { // the served directory is there
		return nil
	}
	if err := t.client.MkdirAll(t.ctx, t.remote, dirMode(info)); err != nil {
		t.dirs.finish(t.failed)
		return err
	}
	return nil
}

// dirMode returns the mode of a directory that is still to be filled.
func dirMode(info fs.FileInfo) fs.FileMode { return info.Mode().Perm() | 0o700 }

// walk visits every directory, several at a time. A visit pushes those inside.
func (t *treePutter) walk(walkers int, visit func(dir string)) {
	t.pending = []string{"."}
	var group sync.WaitGroup
	for range walkers {
		group.Go(func() {
			for {
				dir, ok := t.pop()
				if !ok {
					return
				}
				visit(dir)
				t.popped()
			}
		})
	}
	group.Wait()
}

// pop takes the directory that was found last, so that few wait in a deep
// tree. It returns false when no more will come.
func (t *treePutter) pop() (string, bool) {
	t.walking.Lock()
	defer t.walking.Unlock()
	for len(t.pending) == 0 && t.busy > 0 {
		t.changed.Wait()
	}
	if len(t.pending) == 0 {
		return "", false
	}
	if err := t.ctx.Err(); err != nil {
		t.end(err)
		t.pending = nil
		t.changed.Broadcast()
		return "", false
	}
	last := len(t.pending) - 1
	dir := t.pending[last]
	t.pending = t.pending[:last]
	t.busy++
	return dir, true
}

func (t *treePutter) push(dir string) {
	t.walking.Lock()
	defer t.walking.Unlock()
	t.pending = append(t.pending, dir)
	t.changed.Signal()
}

func (t *treePutter) popped() {
	t.walking.Lock()
	defer t.walking.Unlock()
	if t.busy--; t.busy == 0 && len(t.pending) == 0 {
		t.changed.Broadcast() // nothing more will come
	}
}

// reserved is the beginning of the names that a server keeps for itself and
// takes from nobody (SPEC.md, Paths).
const reserved = ".ftpd-"

// survey learns which directories there are before the server makes the first.
// The served directory may lie in the tree, which would then grow as fast as it
// is walked, without end. Where the server keeps its files a client cannot
// know, and a new directory has an inode that was never met; but what was not
// there before anything was made is told by its name alone. It costs one more
// reading of the directories, which the walk then finds in memory.
func (t *treePutter) survey(path string) {
	_ = t.dirs.read(t.ctx, path, func(_ *localDir, path string, e fs.DirEntry) bool { // the walk comes here again and tells
		if e.Type().IsRegular() {
			return true
		}
		if kind, skipped, err := t.dirs.classify(path, e); err == nil && skipped == "" && kind == Directory {
			t.learn(path)
		}
		return true
	})
}

func (t *treePutter) learn(dir string) {
	t.walking.Lock()
	t.known[dir] = true
	t.walking.Unlock()
	t.push(dir)
}

// walkOne makes a directory on the server and takes what it holds.
func (t *treePutter) walkOne(path string) {
	err := t.mkdir(path)
	if err == nil {
		t.reading <- struct{}{}
		err = t.dirs.read(t.ctx, path, t.entry)
		<-t.reading
	}
	if err != nil && !errors.Is(err, errStopped) {
		t.failed(path, err)
	}
}

// mkdir makes a directory. It holds no descriptor while it waits for the server.
func (t *treePutter) mkdir(path string) error {
	if path == "." {
		return nil
	}
	mode, err := t.modeOf(path)
	if err != nil {
		return err
	}
	if err := t.client.MkdirAll(t.ctx, join(t.remote, path), mode); err != nil {
		return err
	}
	t.directory()
	return nil
}

func (t *treePutter) modeOf(path string) (fs.FileMode, error) {
	t.reading <- struct{}{}
	defer func() { <-t.reading }()
	dir, err := t.dirs.use(path)
	if err != nil {
		return 0, err
	}
	defer t.dirs.release(dir)
	info, err := dir.root.Stat(".")
	if err != nil {
		return 0, localError("stat", localPath(t.local, path), err)
	}
	return dirMode(info), nil
}

// entry handles one entry of a directory, and reports whether to go on.
func (t *treePutter) entry(in *localDir, path string, e fs.DirEntry) bool {
	switch kind, skipped, err := t.dirs.classify(path, e); {
	case err != nil:
		if t.selected(path, kind) {
			t.failed(path, err)
		}
	case skipped != "":
		t.skipped(path, skipped)
	case !t.selected(path, kind):
	case kind == Directory:
		if t.known[path] { // the map is complete, and only read
			t.push(path)
		}
	default:
		info, err := t.dirs.stat(in, path)
		if err != nil {
			t.failed(path, err)
			return true
		}
		return t.enqueue(job{path, info.Size()})
	}
	return true
}

// transfer stores one file.
func (t *treePutter) transfer(j job) (Result, error) {
	dir, name := split(j.path)
	in, err := t.dirs.use(dir)
	if err != nil {
		return Result{}, err
	}
	defer t.dirs.release(in)
	f, err := in.root.OpenFile(name, os.O_RDONLY|openRegular, 0)
	if err != nil && t.options.Links == CopyLinks { // a link may lead out of the tree
		f, err = os.OpenFile(localPath(t.local, j.path), os.O_RDONLY|openRegular, 0)
	}
	if err != nil {
		return Result{}, localError("open", localPath(t.local, j.path), err)
	}
	defer func() { _ = f.Close() }() // it was only read
	s, err := newSource(f, 0)
	if err != nil {
		return Result{}, err
	}
	s.name = localPath(t.local, j.path)
	if s.file == nil {
		return Result{}, &LocalError{Op: "read", Path: s.name, Err: errReplaced}
	}
	return t.client.putLocal(t.ctx, join(t.remote, j.path), s, PutOptions{CreateOnly: t.options.CreateOnly}, t.options.Progress)
}

package client

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"
	"sync"
	"syscall"
)

const (
	// readers is how many directories are read at once.
	readers = 8
	// makers is how many are being made on the server, each of which takes a round
	// trip before the files in it can be sent.
	makers = 256
	// readDirBatch is how many entries of a directory are read at once.
	readDirBatch = 512
)

// PutTree makes remote a copy of the directory local: remote is made with its
// parents if it is missing and merged into if it is there. Each file is
// stored as PutFile does. A directory gets its mode, always with all that its
// owner needs to fill it, but not its time. Skipped are symbolic links, special
// files and names that begin with ".ftpd-", which a server keeps for itself.
// A directory that was not there when the tree was begun is no part of it, so
// that a tree can be put into itself.
//
// A file that fails does not stop the others: the error is then a *TreeError;
// of a directory that cannot be made nothing is tried. Any other error, such
// as that of the connection or of ctx, ended the tree early.
func (c *Client) PutTree(ctx context.Context, local, remote string, o *TransferOptions) (Summary, error) {
	t := &treePutter{tree: newTree(ctx, c, remote, local, o)}
	t.changed.L = &t.walking
	t.reading = make(chan struct{}, readers)
	t.transfer = t.put
	if err := t.open(); err != nil {
		t.end(err)
		return t.result()
	}
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
	reading chan struct{}   // holds a token for each directory that is read
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
	if t.dirs, err = openLocalDirs(t.local); err != nil {
		return err
	}
	t.known = make(map[string]bool)
	t.walk(readers, t.survey)
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
	dir, err := t.dirs.use(path)
	if err != nil {
		return // the walk comes here again and tells
	}
	defer t.dirs.release(dir)
	_ = t.readDir(path, dir, func(path string, e fs.DirEntry) bool { // likewise
		if e.IsDir() && !strings.HasPrefix(e.Name(), reserved) {
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
		err = t.take(path)
	}
	if err != nil {
		t.failed(path, err)
	}
}

// mkdir makes a directory. It holds no descriptor while it waits for the server.
func (t *treePutter) mkdir(path string) error {
	if path == "." {
		return nil
	}
	dir, err := t.dirs.use(path)
	if err != nil {
		return err
	}
	info, err := dir.root.Stat(".")
	t.dirs.release(dir)
	if err != nil {
		return localError("stat", localPath(t.local, path), err)
	}
	if err := t.client.MkdirAll(t.ctx, join(t.remote, path), dirMode(info)); err != nil {
		return err
	}
	t.directory()
	return nil
}

// take takes what a directory holds.
func (t *treePutter) take(path string) error {
	t.reading <- struct{}{}
	defer func() { <-t.reading }()
	dir, err := t.dirs.use(path)
	if err != nil {
		return err
	}
	defer t.dirs.release(dir)
	return t.readDir(path, dir, func(path string, e fs.DirEntry) bool { return t.entry(dir, path, e) })
}

// readDir calls visit for each entry of a directory until it returns false.
func (t *treePutter) readDir(path string, dir *localDir, visit func(path string, e fs.DirEntry) bool) error {
	f, err := dir.root.Open(".")
	if err != nil {
		return localError("open", localPath(t.local, path), err)
	}
	defer func() { _ = f.Close() }() // it was only read
	for t.ctx.Err() == nil {
		entries, err := f.ReadDir(readDirBatch)
		for _, e := range entries {
			if !visit(join(path, e.Name()), e) {
				return nil
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return localError("read", localPath(t.local, path), err)
		}
	}
	return nil
}

// entry handles one entry of a directory, and reports whether to go on.
func (t *treePutter) entry(dir *localDir, path string, e fs.DirEntry) bool {
	switch kind := e.Type(); {
	case strings.HasPrefix(e.Name(), reserved):
		t.skipped(path, "reserved name")
	case (kind.IsDir() || kind.IsRegular()) && !t.selected(path, kindOf(kind)):
	case kind.IsDir():
		if t.known[path] { // the map is complete, and only read
			t.push(path)
		}
	case kind.IsRegular():
		info, err := dir.root.Lstat(e.Name())
		if err != nil {
			t.failed(path, localError("stat", localPath(t.local, path), err))
			return true
		}
		return t.enqueue(job{path, info.Size()})
	case kind&fs.ModeSymlink != 0:
		t.skipped(path, Symlink.String())
	default:
		t.skipped(path, Special.String())
	}
	return true
}

func kindOf(mode fs.FileMode) Kind {
	if mode.IsDir() {
		return Directory
	}
	return File
}

// put stores one file. One that was read to its end is closed, and opened again
// where it has to be sent once more.
func (t *treePutter) put(j job) (Result, error) {
	dir, name := split(j.path)
	at := &desk{tree: t.tree, dir: dir}
	defer at.leave()
	open := func() (*os.File, error) {
		root, err := at.enter()
		if err != nil {
			return nil, err
		}
		f, err := root.OpenFile(name, os.O_RDONLY|openRegular, 0)
		if err != nil {
			return nil, localError("open", localPath(t.local, j.path), err)
		}
		return f, nil
	}
	f, err := open()
	if err != nil {
		return Result{}, err
	}
	s, err := newSource(f, 0)
	if err != nil {
		_ = f.Close() // it was only read
		return Result{}, err
	}
	defer s.rest()
	s.name, s.reopen, s.closed = localPath(t.local, j.path), open, at.leave
	if s.file == nil {
		_ = f.Close() // likewise
		return Result{}, &LocalError{Op: "read", Path: s.name, Err: errReplaced}
	}
	return t.client.putLocal(t.ctx, join(t.remote, j.path), s, &t.options)
}

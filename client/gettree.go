package client

import (
	"context"
	"errors"
	"io/fs"
	"os"

	"ftpd/protocol"
)

// maxDirectories bounds how many directories of one tree are made, for each
// is remembered until the end.
const maxDirectories = 1 << 20

// GetTree makes local a copy of the directory remote: local is made if it is
// missing and merged into if it is there. Files are transferred while the
// listing still comes, each as GetFile does; directories that are made get
// their mode and time at the end. Special files are skipped, and so are the part
// files of interrupted transfers, and symbolic links unless TransferOptions.Links
// says otherwise. Symbolic links in the local tree are never written through.
//
// A file that fails does not stop the others: the error is then a *TreeError.
// A name that would leave the local directory is such a failure, ErrInvalid.
// Any other error, such as that of the connection or of ctx, ended the tree
// early.
func (c *Client) GetTree(ctx context.Context, remote, local string, o *TransferOptions) (Summary, error) {
	t := &treeGetter{newTree(ctx, c, remote, local, o)}
	if err := t.open(); err != nil {
		t.end(err)
		return t.result()
	}
	t.start(t.transfer, t.direction())
	t.list()
	t.finish()
	t.dirs.finish(t.failed)
	return t.result()
}

type treeGetter struct{ *tree }

// open makes the local directory.
func (t *treeGetter) open() error {
	info, err := t.client.Stat(t.ctx, t.remote)
	if err != nil {
		return err
	}
	if info.Kind != Directory {
		return &Error{Op: "get", Path: t.remote, Code: protocol.NotDirectory, Message: "a tree begins with a directory"}
	}
	made := os.Mkdir(t.local, unfinished(info.Mode))
	if made != nil && !errors.Is(made, fs.ErrExist) {
		return localError("mkdir", t.local, made)
	}
	if t.dirs, err = openLocalDirs(t.local, t.limits.dirs); err != nil {
		return err
	}
	if made == nil {
		t.dirs.willFinish(".", info)
	} else {
		t.dirs.sweep(".")
	}
	return nil
}

// list takes the listing as it comes.
func (t *treeGetter) list() {
	for e, err := range t.client.Walk(t.ctx, t.remote, t.options.Links) {
		if err != nil {
			t.end(err)
			return
		}
		if !t.entry(e) {
			return
		}
	}
}

// entry handles one line of the listing, and reports whether to go on.
func (t *treeGetter) entry(e Entry) bool {
	switch {
	case !safePath(e.Path):
		t.failed(e.Path, &Error{Op: "get", Path: join(t.remote, e.Path), Code: protocol.Invalid, Message: unsafeReason(e.Path)})
	case e.Err != nil:
		if t.selected(e.Path, e.Kind) {
			t.failed(e.Path, e.Err)
		}
	case IsPart(e.Path):
		t.skipped(e.Path, SkippedPart)
	case !t.selected(e.Path, e.Kind):
	case e.Kind == Directory:
		return t.mkdir(e)
	case e.Kind == File:
		return t.enqueue(job{e.Path, e.Size})
	default:
		t.skipped(e.Path, e.Kind.String())
	}
	return t.ctx.Err() == nil
}

func (t *treeGetter) mkdir(e Entry) bool {
	if len(t.dirs.made) >= maxDirectories {
		t.end(&Error{Op: "get", Path: t.remote, Code: protocol.TooLarge, Message: "the tree has more than a million directories"})
		return false
	}
	if err := t.dirs.make(e.Path, e.Info); err != nil {
		t.failed(e.Path, err)
	} else {
		t.directory()
	}
	return true
}

// transfer gets one file.
func (t *treeGetter) transfer(j job) (Result, error) {
	dir, name := split(j.path)
	in, err := t.dirs.use(dir)
	if err != nil {
		return Result{}, err
	}
	defer t.dirs.release(in)
	l := &localFile{root: in.root, name: name, path: localPath(t.local, j.path), keep: t.options.CreateOnly}
	if l.keep { // otherwise the last step tells soon enough
		if err := l.check(); err != nil {
			return Result{}, err
		}
	}
	d := download{client: t.client, path: join(t.remote, j.path), into: l, moved: t.options.Progress.Moved, shares: true}
	d.expect = func(size int64) {
		if size != j.size {
			t.options.Progress.Expect(0, size-j.size)
		}
	}
	return d.run(t.ctx, j.size > protocol.BlockSize)
}

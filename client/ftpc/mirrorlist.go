package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"sync"

	"ftpd/client"
	"ftpd/protocol"
)

// listRemote lists the server's end. A target that is missing has nothing.
func (m *mirror) listRemote(ctx context.Context) (listed, error) {
	l := listed{items: make(map[string]item)}
	for e, err := range m.client.List(ctx, m.remote, client.ListOptions{Recursive: true}) {
		switch {
		case m.uploads && errors.Is(err, client.ErrNotFound):
			return l, nil
		case err != nil:
			return l, err
		case m.filter.leavesOut(e.Path):
		case e.Err != nil:
			l.failed++
			m.out.fail(failed(joinRemote(m.remote, e.Path), e.Err))
		case e.Kind == client.File || e.Kind == client.Directory || m.uploads: // a link in the target may be removed
			l.items[e.Path] = item{e.Kind, e.Size, e.Mtime}
		}
	}
	return l, nil
}

// listLocal lists this machine's end, without the files that servers and clients keep
// for themselves.
func (m *mirror) listLocal() (listed, error) {
	l := listed{items: make(map[string]item)}
	info, err := os.Stat(m.local)
	switch {
	case !m.uploads && errors.Is(err, fs.ErrNotExist):
		return l, nil
	case err == nil && !info.IsDir():
		err = errNoDirectory
	}
	if err != nil {
		return l, &client.LocalError{Op: "open", Path: m.local, Err: err}
	}
	top, err := filepath.EvalSymlinks(m.local) // WalkDir does not follow one
	if err != nil {
		return l, &client.LocalError{Op: "open", Path: m.local, Err: err}
	}
	err = filepath.WalkDir(top, func(path string, d fs.DirEntry, err error) error {
		return m.addLocal(&l, top, path, d, err)
	})
	return l, err
}

var errNoDirectory = errors.New("it is no directory")

func (m *mirror) addLocal(l *listed, top, path string, d fs.DirEntry, err error) error {
	if err := m.Context.Context.Err(); err != nil {
		return err
	}
	if err != nil {
		l.failed++
		m.out.fail(failed(path, &client.LocalError{Op: "read", Path: path, Err: err}))
		return nil
	}
	if path == top {
		return nil
	}
	name := filepath.ToSlash(path[len(strings.TrimSuffix(top, string(filepath.Separator)))+1:])
	info, err := d.Info()
	switch {
	case isOwn(d.Name()) || m.filter.leavesOut(name):
		if d.IsDir() {
			return fs.SkipDir
		}
	case err != nil: // it has gone meanwhile
	case d.IsDir():
		l.items[name] = item{kind: client.Directory}
	case d.Type().IsRegular():
		l.items[name] = item{client.File, info.Size(), info.ModTime()}
	case !m.uploads: // a link in the target may be removed
		l.items[name] = item{kind: client.Symlink}
	}
	return nil
}

// isOwn tells the names of what a server keeps for itself, and of what a client
// has not completed.
func isOwn(name string) bool {
	return strings.HasPrefix(name, ".ftpd-") || strings.HasPrefix(name, ".") && strings.Contains(name, ".ftpc-")
}

// byContent compares what has the same size at both ends by its digest: what has the
// same is not copied, whatever its time, and what has not is.
func (m *mirror) byContent(p *plan) error {
	var same []string
	for path, from := range p.source {
		if to := p.target[path]; from.kind == client.File && to.kind == client.File && from.size == to.size {
			same = append(same, path)
		}
	}
	var mu sync.Mutex
	return each(m.call, same, func(ctx context.Context, path string) error {
		equal, err := m.equal(ctx, path)
		if err != nil {
			return err
		}
		mu.Lock()
		defer mu.Unlock()
		if equal {
			delete(p.copies, path)
		} else {
			p.copies[path] = p.source[path]
		}
		return nil
	})
}

func (m *mirror) equal(ctx context.Context, path string) (bool, error) {
	sum, err := m.client.Sum(ctx, joinRemote(m.remote, path))
	if err != nil {
		return false, failed(joinRemote(m.remote, path), err)
	}
	local := filepath.Join(m.local, filepath.FromSlash(path))
	digest, err := digestOf(local)
	if err != nil {
		return false, failed(local, &client.LocalError{Op: "read", Path: local, Err: err})
	}
	return digest == sum.Digest, nil
}

// digestOf computes the digest of a local file as a server does.
func digestOf(path string) (protocol.Digest, error) {
	f, err := os.Open(path)
	if err != nil {
		return protocol.Digest{}, err
	}
	defer f.Close()
	var tree protocol.Tree
	block := make([]byte, protocol.BlockSize)
	for {
		n, err := io.ReadFull(f, block)
		if n > 0 {
			tree.Add(protocol.BlockDigest(block[:n]), n)
		}
		switch {
		case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF):
			return tree.Sum(), nil
		case err != nil:
			return protocol.Digest{}, err
		}
	}
}

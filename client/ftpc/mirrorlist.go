package main

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"os"

	"ftpd/client"
	"ftpd/protocol"
)

// linksAt says what is done about links at one end: those of the target are no copies
// of anything, and may be removed.
func (m *mirror) linksAt(at end) client.Links {
	if at == targetEnd {
		return client.SkipLinks
	}
	return m.links
}

// listRemote has the comparison meet what the server has. A target that is missing has
// nothing.
func (m *mirror) listRemote(ctx context.Context, c *comparison, at end) error {
	for e, err := range m.client.Walk(ctx, m.remote, m.linksAt(at)) {
		switch {
		case at == targetEnd && errors.Is(err, client.ErrNotFound):
			c.without()
			return nil
		case err != nil:
			return err
		case m.filter.leavesOut(e.Path, e.Kind):
			m.leaveOut(c, at, e.Path)
		case e.Err != nil:
			c.failed(at, e.Path)
			m.fails(e.Path, failed(joinRemote(m.remote, e.Path), e.Err))
		case client.IsPart(e.Path):
			m.skip(c, at, e.Path, client.SkippedPart)
		case e.Kind == client.File || e.Kind == client.Directory || at == targetEnd:
			c.met(at, e.Path, item{e.Kind, e.Size, e.Mtime})
		default:
			m.skip(c, at, e.Path, e.Kind.String())
		}
	}
	return nil
}

// listLocal does the same for this machine.
func (m *mirror) listLocal(ctx context.Context, c *comparison, at end) error {
	selects := func(path string, kind client.Kind) bool {
		if !m.filter.leavesOut(path, kind) {
			return true
		}
		m.leaveOut(c, at, path)
		return false
	}
	for e, err := range client.WalkLocal(ctx, m.local, m.linksAt(at), selects) {
		isOwn := e.Skipped == client.SkippedPart || e.Skipped == client.SkippedReserved
		switch {
		case at == targetEnd && errors.Is(err, fs.ErrNotExist):
			c.without()
			return nil
		case err != nil:
			return err
		case e.Err != nil:
			c.failed(at, e.Path)
			m.fails(e.Path, failed(m.localPath(e.Path), e.Err))
		case e.Skipped == "" || at == targetEnd && !isOwn:
			c.met(at, e.Path, item{e.Kind, e.Size, e.Mtime})
		default:
			m.skip(c, at, e.Path, e.Skipped)
		}
	}
	return nil
}

// fails tells of something that cannot be compared, or not be copied.
func (m *mirror) fails(path string, err error) {
	m.out.fail(err)
	if m.Bool("json") {
		r := m.record(path)
		m.setError(r, err)
		m.printRecord(r)
	}
}

// leaveOut tells of what a pattern leaves out: in the target it stays.
func (m *mirror) leaveOut(c *comparison, at end, path string) {
	if at == targetEnd {
		c.keeps(path)
	}
}

// skip tells of what no copy is made of.
func (m *mirror) skip(c *comparison, at end, path, why string) {
	switch {
	case at == sourceEnd:
		m.transfer.skipped(client.FileEvent{Remote: joinRemote(m.remote, path), Local: m.localPath(path), Skipped: why})
	case why == client.SkippedPart:
		c.part(path)
	default:
		c.keeps(path)
	}
}

// byContent compares what has the same size at both ends by its digest.
func (m *mirror) byContent(c *comparison) error {
	return each(m.call, c.doubted, func(ctx context.Context, file sized) error {
		equal, err := m.equal(ctx, file.path)
		if err == nil && !equal {
			c.differs(file)
		}
		return err
	})
}

func (m *mirror) equal(ctx context.Context, path string) (bool, error) {
	remote, local := joinRemote(m.remote, path), m.localPath(path)
	sum, err := m.client.Sum(ctx, remote)
	if err != nil {
		return false, failed(remote, err)
	}
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

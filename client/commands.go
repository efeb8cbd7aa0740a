package client

import (
	"context"
	"encoding/binary"
	"fmt"
	"io/fs"
	"math/rand/v2"
	"time"

	"ftpd/protocol"
)

// Ping returns how long the server takes to answer.
func (c *Client) Ping(ctx context.Context) (took time.Duration, err error) {
	err = c.attempt(ctx, "ping", "", func(conn *conn) (bool, error) {
		var err error
		took, err = conn.measure(ctx)
		return true, err
	})
	return took, err
}

// measure is Ping on one connection.
func (c *conn) measure(ctx context.Context) (time.Duration, error) {
	begun := time.Now()
	r := &request{conn: c, op: "ping"}
	if err := ctx.Err(); err != nil {
		return 0, r.wrap(err)
	}
	if c.open.Add(1) == 1 { // silence is a failure now
		c.watch.start()
	}
	defer c.open.Add(-1)
	if err := c.refused(); err != nil {
		return 0, r.wrap(err)
	}
	answered := c.ping(rand.Uint64())
	select {
	case <-answered:
		return time.Since(begun), nil
	case <-ctx.Done():
		return 0, r.wrap(ctx.Err())
	case <-c.dead:
		return 0, r.wrap(c.cause())
	}
}

// ping sends a PING; the channel is closed when its PONG comes.
func (c *conn) ping(nonce uint64) <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	answered := c.pings[nonce]
	if answered == nil {
		answered = make(chan struct{})
		c.pings[nonce] = answered
		c.sender.ping(binary.BigEndian.AppendUint64(nil, nonce))
	}
	return answered
}

// pong takes a PONG. One that answers nothing is refused: a server must not
// keep a connection alive by them.
func (c *conn) pong(content []byte) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(content) == 8 {
		nonce := binary.BigEndian.Uint64(content)
		if answered := c.pings[nonce]; answered != nil {
			close(answered)
			delete(c.pings, nonce)
			return nil
		}
	}
	return violation("PONG came unasked")
}

// Stat describes a path; a symbolic link is followed.
func (c *Client) Stat(ctx context.Context, path string) (Info, error) {
	return c.stat(ctx, protocol.Stat{Path: path})
}

// Lstat describes a path; a symbolic link is not followed.
func (c *Client) Lstat(ctx context.Context, path string) (Info, error) {
	return c.stat(ctx, protocol.Stat{Path: path, Flags: protocol.StatNoFollow})
}

func (c *Client) stat(ctx context.Context, m protocol.Stat) (Info, error) {
	meta, err := exchange[protocol.Meta](ctx, c, kind{op: "stat", replies: &statReplies}, m.Path, m)
	if err != nil {
		return Info{}, err
	}
	return infoOf(&meta), nil
}

// Mkdir makes a directory; mode holds permission bits, 0 is the server's
// default. What exists is ErrExists, a missing parent ErrNotFound.
func (c *Client) Mkdir(ctx context.Context, path string, mode fs.FileMode) error {
	_, err := c.change(ctx, "mkdir", path, protocol.Mkdir{Path: path, Mode: wireMode(mode)})
	return err
}

// MkdirAll makes a directory and its missing parents; it is no error if the
// directory exists.
func (c *Client) MkdirAll(ctx context.Context, path string, mode fs.FileMode) error {
	k := kind{op: "mkdir", replies: &commandReplies, patient: true}
	_, err := exchange[protocol.OK](ctx, c, k, path, protocol.Mkdir{Path: path, Mode: wireMode(mode), Flags: protocol.MkdirParents})
	return err
}

// Remove removes a file, a symbolic link or an empty directory.
func (c *Client) Remove(ctx context.Context, path string) error {
	_, err := c.change(ctx, "remove", path, protocol.Remove{Path: path})
	return err
}

// RemoveAll removes a path with all it holds and returns how many entries
// went. A path that does not exist is ErrNotFound.
func (c *Client) RemoveAll(ctx context.Context, path string) (removed int64, err error) {
	ok, err := c.change(ctx, "remove", path, protocol.Remove{Path: path, Flags: protocol.RemoveRecursive})
	return int64(ok.Count), err
}

// Rename moves a file or a directory, and replaces a file at to unless told
// otherwise.
func (c *Client) Rename(ctx context.Context, from, to string, o *RenameOptions) error {
	m := protocol.Rename{From: from, To: to}
	if o != nil && o.NoReplace {
		m.Flags |= protocol.RenameNoReplace
	}
	if o != nil && o.Parents {
		m.Flags |= protocol.RenameParents
	}
	if err := checkPath("rename", to); err != nil {
		return err
	}
	_, err := c.change(ctx, "rename", from, m)
	return err
}

// Sum returns the digest of a file: the one that Get and Put report. The server
// computes it from what it has on its disk, unless it knows it already and the file
// has not changed.
func (c *Client) Sum(ctx context.Context, path string) (Sum, error) {
	return c.sum(ctx, path, protocol.XXH3Tree)
}

// SumSHA256 returns the SHA-256 of a file, computed by the server. One that is too old
// for it answers with ErrUnsupported.
func (c *Client) SumSHA256(ctx context.Context, path string) (Sum, error) {
	return c.sum(ctx, path, protocol.SHA256)
}

func (c *Client) sum(ctx context.Context, path string, algorithm protocol.Algorithm) (Sum, error) {
	k := kind{op: "sum", replies: &sumReplies, patient: true}
	asked := func(end protocol.End) error {
		if end.Algorithm != algorithm {
			return fmt.Errorf("END has a digest by the algorithm %d, and not %d", end.Algorithm, algorithm)
		}
		return nil
	}
	end, err := exchange[protocol.End](ctx, c, k, path, protocol.Sum{Algorithm: algorithm, Path: path}, asked)
	if err != nil {
		return Sum{}, err
	}
	return Sum{Size: int64(end.Size), ETag: uint64(end.ETag), Digest: end.Digest, SHA256: end.SHA256}, nil
}

// change sends a request that OK answers, and that must not be repeated where it
// may have been done.
func (c *Client) change(ctx context.Context, op, path string, m protocol.Message) (protocol.OK, error) {
	k := kind{op: op, replies: &commandReplies, patient: true, once: true}
	return exchange[protocol.OK](ctx, c, k, path, m)
}

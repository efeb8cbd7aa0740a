package client

import (
	"context"
	"os"
)

// GetFile gets a file into a local one, with its time and permissions, never
// with setuid or setgid. The bytes go to a hidden part file in the same
// directory, which replaces what has the name once all is verified. Of a file
// of more than one block the part file stays when the transfer fails, and the
// next GetFile of the same path of the same address goes on behind the last
// block that was verified, unless the file has changed since: the error is then
// a *ResumableError. A symbolic link is followed, a device or a named pipe
// written itself.
func (c *Client) GetFile(ctx context.Context, remote, local string, o *TransferOptions) (Result, error) {
	options := o.withDefaults()
	result, err := c.getFile(ctx, remote, local, &options)
	options.event(FileEvent{Remote: remote, Local: local, Result: result, Err: err})
	return result, err
}

func (c *Client) getFile(ctx context.Context, remote, local string, o *TransferOptions) (Result, error) {
	l, err := openLocal(local, o.CreateOnly)
	if err != nil {
		return Result{}, err
	}
	defer func() { _ = l.root.Close() }() // nothing is written through it
	expected := 0
	defer func() { o.Progress.Done(expected) }()
	d := download{client: c, path: remote, into: l, moved: o.Progress.Moved, expect: func(size int64) {
		expected = 1
		o.Progress.Expect(1, size)
	}}
	return d.run(ctx, true)
}

// PutFile stores a local file with its time and permissions. What is no
// regular file, such as a named pipe, is read to its end and stored without
// them. A file that changes while it is read is a *LocalError that wraps
// ErrChanged, and nothing is stored. Of a regular file of more than one block the
// server keeps what it has verified when the connection ends or ctx does, and the
// next PutFile of the same file to the same path goes on with that, unless the
// file has changed since: the error is then a *ResumableError. The Result of a
// PutFile that went on has no Digest.
func (c *Client) PutFile(ctx context.Context, local, remote string, o *TransferOptions) (Result, error) {
	options := o.withDefaults()
	result, err := c.putFile(ctx, local, remote, &options)
	options.event(FileEvent{Remote: remote, Local: local, Result: result, Err: err})
	return result, err
}

func (c *Client) putFile(ctx context.Context, local, remote string, o *TransferOptions) (Result, error) {
	f, err := os.Open(local)
	if err != nil {
		return Result{}, localError("open", local, err)
	}
	defer func() { _ = f.Close() }() // it was only read
	s, err := newSource(f, 0)
	if err != nil {
		return Result{}, err
	}
	o.Progress.Expect(1, max(0, s.size))
	defer o.Progress.Done(1)
	return c.putLocal(ctx, remote, s, PutOptions{CreateOnly: o.CreateOnly, IfMatch: o.IfMatch}, o.Progress)
}

// putLocal stores a local file; options holds the conditions.
func (c *Client) putLocal(ctx context.Context, remote string, s *source, options PutOptions, progress Progress) (Result, error) {
	s.keeps = true
	if s.info != nil {
		options.Mode = s.info.Mode()
		options.Mtime = s.info.ModTime()
	}
	return c.put(ctx, remote, s, &options, progress)
}

func (o *TransferOptions) event(e FileEvent) {
	if o.OnFile != nil {
		o.OnFile(e)
	}
}

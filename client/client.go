package client

import (
	"context"
	"errors"
	"io"
	"io/fs"
	"iter"
	"time"
)

var errLater = errors.New("in the next commit")

// Client is a connection to a server. All methods are safe for concurrent use.
type Client struct{}

// Dial connects to a server at "host:port"; the port is 2120 when missing.
// ctx bounds connecting and greeting only.
func Dial(ctx context.Context, address string, o *Options) (*Client, error) { return nil, errLater }

// Close says goodbye, waits up to five seconds for what is in flight and
// closes the connection. Calls that are still open then fail with ErrClosed,
// as every later one does.
func (c *Client) Close() error { return errLater }

// Server returns what the server told about itself.
func (c *Client) Server() Server { return Server{} }

// Ping returns how long the server takes to answer.
func (c *Client) Ping(ctx context.Context) (time.Duration, error) { return 0, errLater }

// Stat describes a path; a symbolic link is followed.
func (c *Client) Stat(ctx context.Context, path string) (Info, error) { return Info{}, errLater }

// Lstat describes a path; a symbolic link is not followed.
func (c *Client) Lstat(ctx context.Context, path string) (Info, error) { return Info{}, errLater }

// List yields the entries of a directory in no particular order.
func (c *Client) List(ctx context.Context, path string, o ListOptions) iter.Seq2[Entry, error] {
	return nil
}

// Glob yields what matches a pattern.
func (c *Client) Glob(ctx context.Context, pattern string) iter.Seq2[Entry, error] { return nil }

// Get writes a file to w, in order and verified.
func (c *Client) Get(ctx context.Context, path string, w io.Writer, o *GetOptions) (Result, error) {
	return Result{}, errLater
}

// Put stores what r holds.
func (c *Client) Put(ctx context.Context, path string, r io.Reader, o *PutOptions) (Result, error) {
	return Result{}, errLater
}

// Mkdir makes a directory; mode holds permission bits, 0 is the server's default.
func (c *Client) Mkdir(ctx context.Context, path string, mode fs.FileMode) error { return errLater }

// MkdirAll makes a directory and its parents; it may exist.
func (c *Client) MkdirAll(ctx context.Context, path string, mode fs.FileMode) error { return errLater }

// Remove removes a file or an empty directory.
func (c *Client) Remove(ctx context.Context, path string) error { return errLater }

// RemoveAll removes a path with all it holds and returns how many entries went.
func (c *Client) RemoveAll(ctx context.Context, path string) (int64, error) { return 0, errLater }

// Rename moves a file or a directory.
func (c *Client) Rename(ctx context.Context, from, to string, o *RenameOptions) error {
	return errLater
}

// Sum returns the digest of a file, computed by the server.
func (c *Client) Sum(ctx context.Context, path string) (Sum, error) { return Sum{}, errLater }

// GetFile gets a file into a local one.
func (c *Client) GetFile(ctx context.Context, remote, local string, o *TransferOptions) (Result, error) {
	return Result{}, errLater
}

// PutFile stores a local file.
func (c *Client) PutFile(ctx context.Context, local, remote string, o *TransferOptions) (Result, error) {
	return Result{}, errLater
}

// GetTree makes local a copy of the directory remote.
func (c *Client) GetTree(ctx context.Context, remote, local string, o *TransferOptions) (Summary, error) {
	return Summary{}, errLater
}

// PutTree makes remote a copy of the directory local.
func (c *Client) PutTree(ctx context.Context, local, remote string, o *TransferOptions) (Summary, error) {
	return Summary{}, errLater
}

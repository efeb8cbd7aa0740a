package main

import (
	"context"
	"errors"

	"ftpd/client"
	"ftpd/internal/command"
)

// noteUnread tells of a directory that a pattern could not look into. What
// matches elsewhere is worked on all the same, as ls -R and get -r do.
func (c *call) noteUnread(e client.Entry) {
	c.unread++
	err := failed(e.Path, e.Err)
	c.out.fail(err)
	if c.Bool("json") {
		r := c.newRecord(e.Path)
		r.Kind = client.Directory.String()
		c.setError(r, err)
		c.printRecord(r)
	}
}

// withUnread adds those directories to what a command returns: they have
// failed as files of several do.
func (c *call) withUnread(err error) error {
	var (
		usage *command.UsageError
		batch *batchError
	)
	switch {
	case c.unread == 0 || errors.As(err, &usage) || errors.Is(err, context.Canceled) || fatal(err):
		return err
	case errors.As(err, &batch):
		return &batchError{failed: batch.failed + c.unread, total: batch.total + c.unread}
	case err != nil:
		c.out.fail(err)
		return &batchError{failed: c.unread + 1, total: c.unread + max(c.items, 1)}
	}
	return &batchError{failed: c.unread, total: c.unread + c.items}
}

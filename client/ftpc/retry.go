package main

import (
	"context"
	"errors"

	"ftpd/client"
)

// noteRetry tells that the connection was lost and will be dialled again: once for
// each reason, whatever the attempts; with --json each is an event.
func (c *call) noteRetry(r client.Retry) {
	if c.Bool("json") {
		c.printRetry(r)
	}
	if c.Bool("quiet") || r.Attempt > 1 {
		return
	}
	text, _ := connectionWords(r.Err, c.out.address)
	c.out.noteOnce(text + "; connecting again")
}

// vanish removes a path of the server by remove, also where the connection is lost
// before the answer: then it looks. What is gone had been there, and what is
// still the same is removed once more. Of what may be another thing by now it
// cannot be said what became. An etag of 0 is that of any.
func (c *call) vanish(ctx context.Context, path string, etag uint64, remove func() error) error {
	for range c.Int("retries") {
		err := remove()
		if unknown := new(client.UnknownError); !errors.As(err, &unknown) {
			return err
		}
		info, missing := c.client.Lstat(ctx, path)
		switch {
		case errors.Is(missing, client.ErrNotFound):
			return nil
		case missing != nil || etag != 0 && info.ETag != etag:
			return err
		}
	}
	return remove()
}

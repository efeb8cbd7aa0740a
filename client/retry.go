package client

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"ftpd/protocol"
)

// Retry is a connection that was lost, or could not be made again, and will be
// dialled after a while.
type Retry struct {
	Err     error         // what happened
	Attempt int           // the number of the attempt to come, from 1, since something was achieved
	Wait    time.Duration // until then
}

const (
	// firstWait is the mean of the first wait; each is twice the one before.
	firstWait = 500 * time.Millisecond
	longest   = 30 * time.Second
)

// backoff returns how long to wait before an attempt, counted from 1: the mean
// half more or less, so that many clients of one server do not come back at once.
func backoff(attempt int) time.Duration {
	mean := longest
	if doublings := attempt - 1; doublings < 10 {
		mean = min(longest, firstWait<<doublings)
	}
	return mean/2 + rand.N(mean)
}

// passes tells whether a failure may be gone the next time, over a connection
// of its own: one that was lost or not made, or ended by a server that says so.
func passes(err error) bool {
	if _, local := errors.AsType[*LocalError](err); local {
		return false
	}
	if said, ok := errors.AsType[*Error](err); ok {
		return said.Retry && (isOfConnection(said) || said.Code == protocol.Busy || said.Code == protocol.ShuttingDown)
	}
	_, network := errors.AsType[*NetworkError](err)
	return network
}

func isOfConnection(err *Error) bool {
	return err.Op == "connection" || err.Op == "dial" || err.Op == "login"
}

// isLost tells whether an error is the end of a connection, so that a request
// has had no answer.
func isLost(err error) bool {
	if _, local := errors.AsType[*LocalError](err); local {
		return false
	}
	if said, ok := errors.AsType[*Error](err); ok {
		return isOfConnection(said)
	}
	_, network := errors.AsType[*NetworkError](err)
	return network || errors.Is(err, ErrClosed)
}

// endsAll tells whether an error is not that of one request: any other would fail
// for the same reason.
func endsAll(err error) bool {
	_, one := errors.AsType[*UnknownError](err)
	return !one && (isLost(err) || unacceptable(err) || errors.Is(err, ErrShuttingDown))
}

// unacceptable tells whether an error is that of a server which is not the one, or not of
// the kind, that was asked for. It will not be another one the next time.
func unacceptable(err error) bool {
	return errors.Is(err, ErrTLS) || errors.Is(err, ErrTrust)
}

// attempt does what a call asks for over a connection, and once more, as often as
// retries allow, where that is lost or the server was too busy. try reports
// whether it may be done again.
func (c *Client) attempt(ctx context.Context, op, path string, try func(*conn) (again bool, err error)) error {
	era := c.lines[0].era.Load()
	for refusals := 0; ; {
		conn, again, err := c.tryOnce(ctx, era, try)
		switch {
		case conn == nil:
			return fmt.Errorf("%s: %w", subject(op, path), err)
		case err == nil:
			c.advanced()
			return nil
		case !again || c.options.Retries == 0 || ctx.Err() != nil || !passes(err):
			return err
		case conn.over(): // to another one, if there will be one
			continue
		}
		if refusals++; refusals > c.options.Retries {
			return err
		}
		if c.pause(ctx, backoff(refusals)) != nil {
			return err
		}
	}
}

// tryOnce finds a connection and does what is to be done over it. It returns none
// where there is none to be had.
func (c *Client) tryOnce(ctx context.Context, era int64, try func(*conn) (again bool, err error)) (_ *conn, again bool, err error) {
	l, conn := c.pick()
	l.users.Add(1)
	defer l.users.Add(-1)
	if conn == nil {
		if conn, err = l.use(ctx, era); err != nil {
			return nil, false, err
		}
	}
	again, err = try(conn)
	return conn, again, err
}

// advanced tells that something was achieved that need not be done again.
func (c *Client) advanced() { c.advances.Add(1) }

// pause waits, unless the context or the client ends before.
func (c *Client) pause(ctx context.Context, wait time.Duration) error {
	if wait <= 0 {
		return nil
	}
	timer := time.NewTimer(wait)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	case <-c.closing.Done():
		return ErrClosed
	}
}

func (c *Client) retrying(r Retry) {
	if c.options.OnRetry != nil {
		c.options.OnRetry(r)
	}
}

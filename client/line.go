package client

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"
)

// line is one of a Client's connections, over and over: it is dialled when it is
// first used, and again once it is lost.
type line struct {
	client *Client
	users  atomic.Int32  // requests on it, and calls that wait for it
	barred atomic.Bool   // it is being dialled on the side, or cannot be had
	turn   chan struct{} // holds a token while somebody dials; for ever once the client is closed

	mu   sync.Mutex
	conn *conn   // the last one; nil before the first
	away []*conn // those before it that take no more requests, and may still answer some

	// How often it was lost without progress. Whoever holds turn owns these.
	failures int       // in a row
	advances int64     // the client's when the last failure was counted
	due      time.Time // when to dial again
	counted  *conn     // whose end is among the failures
	cause    error     // why it was given up

	// era is how often it was given up: a call that began before that has failed,
	// and a later one may try anew.
	era atomic.Int64
}

func newLine(c *Client) *line { return &line{client: c, turn: make(chan struct{}, 1)} }

// last returns the connection dialled last, nil before the first.
func (l *line) last() *conn {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.conn
}

// use returns a connection that takes requests. Where there is none, one caller
// dials for all; without retries, a lost one is returned, which tells why itself. era is what it was when the call began.
func (l *line) use(ctx context.Context, era int64) (*conn, error) {
	if c := l.last(); c != nil && (l.client.options.Retries == 0 || !c.over()) {
		return c, nil
	}
	return l.inTurn(ctx, func() (*conn, error) { return l.redial(ctx, era) })
}

// inTurn has one at a time dial, and nobody once the client is closed.
func (l *line) inTurn(ctx context.Context, dial func() (*conn, error)) (*conn, error) {
	select {
	case l.turn <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-l.client.closing.Done():
		return nil, ErrClosed
	}
	defer func() { <-l.turn }()
	c, err := dial()
	if l.client.closing.Err() != nil {
		return nil, ErrClosed
	}
	return c, err
}

// usable returns the connection if there is one that takes requests, else nil.
func (l *line) usable() *conn {
	if c := l.last(); c != nil && !c.over() {
		return c
	}
	return nil
}

// first dials for the first time. Only what the server itself says is retried.
func (l *line) first(ctx context.Context) error {
	for {
		_, err := l.dial(ctx)
		if _, said := errors.AsType[*Error](err); !said {
			return err
		}
		if err := l.failed(err); err != nil {
			return err
		}
		if err := l.client.pause(ctx, time.Until(l.due)); err != nil {
			return fmt.Errorf("dial %s: %w", printable(l.client.address), err)
		}
	}
}

// extra makes a connection besides the first, if there is none. One that the server
// never had room for is not waited for, and what cannot be had is barred.
func (l *line) extra() {
	if l.usable() != nil || !l.barred.CompareAndSwap(false, true) {
		return
	}
	ctx := l.client.closing
	c, err := l.inTurn(ctx, func() (*conn, error) {
		if l.last() == nil {
			return l.dial(ctx)
		}
		return l.redial(ctx, l.era.Load())
	})
	l.barred.Store(err != nil || c.over())
}

// redial dials until there is a connection, as often as retries allow.
func (l *line) redial(ctx context.Context, era int64) (*conn, error) {
	for {
		lost := l.last()
		switch {
		case lost != nil && !lost.over():
			return lost, nil
		case l.era.Load() != era:
			return nil, l.cause
		case lost != nil && lost != l.counted:
			l.counted = lost
			if err := l.failed(lost.refused()); err != nil {
				return nil, err
			}
		}
		if err := l.client.pause(ctx, time.Until(l.due)); err != nil {
			return nil, err
		}
		c, err := l.dial(ctx)
		switch {
		case err == nil:
			return c, nil
		case ctx.Err() != nil || l.client.closing.Err() != nil:
			return nil, err
		}
		if err := l.failed(err); err != nil {
			return nil, err
		}
	}
}

// failed counts a failure and says when to dial again, or returns why that is
// not done.
func (l *line) failed(err error) error {
	if now := l.client.advances.Load(); now != l.advances {
		l.advances, l.failures = now, 0
	}
	if l.failures == l.client.options.Retries || !passes(err) {
		l.failures, l.due, l.cause = 0, time.Time{}, err
		l.era.Add(1)
		return err
	}
	l.failures++
	wait := backoff(l.failures)
	l.due = time.Now().Add(wait)
	l.client.retrying(Retry{Err: err, Attempt: l.failures, Wait: wait})
	return nil
}

// dial connects, unless the client is closed meanwhile.
func (l *line) dial(ctx context.Context) (*conn, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(l.client.closing, cancel)()
	c, err := dial(ctx, l.client.address, &l.client.options, l.client.limits)
	if err != nil {
		return nil, err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.conn != nil {
		l.away = append(l.away, l.conn)
	}
	l.away = slices.DeleteFunc(l.away, func(c *conn) bool { return c.cause() != nil })
	l.conn = c
	return c, nil
}

// close ends the line's connections, which lets nobody dial any more.
func (l *line) close() {
	l.turn <- struct{}{} // who has it lets go, for the client is closing
	l.mu.Lock()
	all := l.away
	if l.conn != nil {
		all = append(all, l.conn)
	}
	l.mu.Unlock()
	var group sync.WaitGroup
	for _, c := range all {
		group.Go(c.close)
	}
	group.Wait()
}

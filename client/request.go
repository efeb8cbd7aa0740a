package client

import (
	"context"
	"fmt"
	"sync/atomic"

	"ftpd/protocol"
)

// replies is what a server may answer to one kind of request.
type replies struct {
	some  [2]protocol.Opcode // any number of them, where not 0
	final protocol.Opcode    // ends the request, as ERROR does
}

var (
	statReplies    = replies{final: protocol.OpMeta}
	listReplies    = replies{some: [2]protocol.Opcode{protocol.OpEntries}, final: protocol.OpOK}
	getReplies     = replies{some: [2]protocol.Opcode{protocol.OpMeta, protocol.OpData}, final: protocol.OpEnd}
	putReplies     = replies{some: [2]protocol.Opcode{protocol.OpReady}, final: protocol.OpOK}
	joinReplies    = replies{final: protocol.OpOK}
	sumReplies     = replies{final: protocol.OpEnd}
	commandReplies = replies{final: protocol.OpOK}
)

// allow reports whether op may come, and whether it is the last reply.
func (r *replies) allow(op protocol.Opcode) (final, ok bool) {
	final = op == r.final || op == protocol.OpError
	return final, final || op == r.some[0] || op == r.some[1]
}

// request is one request in flight. Its caller owns it; the connection's
// reader fills its inbox.
type request struct {
	conn    *conn
	op      string // for errors
	path    string
	replies *replies
	id      uint32
	inbox   inbox
	flight  *flight // takes the replies in place of inbox, if not nil

	// patient is set while silence is no sign of a dead server: it commits,
	// removes or digests, or it waits for this side to read a file.
	patient atomic.Bool

	now   bool         // begin fails with errNoSlot rather than that it waits
	spare atomic.Int64 // bytes of an inbox that wait with good reason

	// Guarded by conn.mu.
	sending   bool // a PUT whose END or CANCEL is not yet queued
	owes      int  // blocks that the server has asked for again, whose DATA is not yet queued
	final     bool // the last reply has come
	delivered bool // and is in the inbox: the request is over once it is not sending
	cancelled bool // CANCEL is queued, and the caller has gone
	late      int  // bytes that came nevertheless
}

// errorf makes an error of what the server did to this request.
func (r *request) errorf(code protocol.Code, format string, args ...any) *Error {
	return &Error{Op: r.op, Path: r.path, Code: code, Retry: code == protocol.Integrity, Message: fmt.Sprintf(format, args...)}
}

// owing reports that the server waits for more of a PUT. conn.mu is held.
func (r *request) owing() bool { return r.sending || r.owes > 0 }

// ahead returns how many bytes wait for the caller, who could have taken them.
func (r *request) ahead() int { return r.inbox.waiting() - int(r.spare.Load()) }

// wrap gives an error of the connection or of a context its place.
func (r *request) wrap(err error) error {
	return fmt.Errorf("%s: %w", subject(r.op, r.path), err)
}

// next waits for the next reply. An ERROR is returned as an *Error; after any
// error the request is over.
func (r *request) next(ctx context.Context) (arrival, error) {
	for {
		if a, ok, err := r.poll(); ok || err != nil {
			return a, err
		}
		select {
		case <-r.inbox.some:
		case <-ctx.Done():
			r.abandon()
			return arrival{}, r.wrap(ctx.Err())
		case <-r.conn.dead:
			if a, ok, err := r.poll(); ok || err != nil {
				return a, err
			}
			return arrival{}, r.wrap(r.conn.cause())
		}
	}
}

// poll takes a reply that has come already.
func (r *request) poll() (arrival, bool, error) {
	a, ok, ending := r.inbox.take()
	switch {
	case ok && a.opcode == protocol.OpError:
		err := r.said(a)
		r.abandon() // ends a PUT's sending
		return arrival{}, false, err
	case ok:
		return a, true, nil
	case ending == setAside:
		return arrival{}, false, errSetAside
	case ending == overgrown:
		return arrival{}, false, r.errorf(protocol.TooLarge, "the listing is %d MiB ahead of its reader", r.conn.limits.listMost>>20)
	}
	return arrival{}, false, nil
}

// said makes an error of an ERROR.
func (r *request) said(a arrival) error {
	m, err := protocol.Decode[protocol.Error](a.frame())
	if err != nil {
		return r.broken(err)
	}
	return &Error{Op: r.op, Path: r.path, Code: known(m.Code), Retry: m.Retry, Message: m.Message}
}

// data queues a DATA frame, which lies in b.
func (r *request) data(ctx context.Context, frame []byte, b *buffer) error {
	err := r.conn.sender.data(ctx, r.conn.dead, frame, b)
	if err == nil {
		return nil
	}
	if ctx.Err() == nil {
		err = r.conn.cause()
	}
	return r.wrap(err)
}

// broken ends the connection for a frame that breaks the protocol.
func (r *request) broken(err error) error {
	failure := broken(err)
	r.conn.fail(failure)
	return r.wrap(failure)
}

// abandon ends the request whatever its state: it is cancelled on the wire
// unless it is over, and what still comes is dropped.
func (r *request) abandon() {
	r.inbox.close()
	r.conn.cancel(r)
}

// decode makes a message of a reply and gives its memory back.
func decode[M any, P protocol.Decodable[M]](r *request, a arrival) (M, error) {
	m, err := protocol.Decode[M, P](a.frame())
	if err != nil {
		return m, r.broken(err)
	}
	return m, nil
}

// exchange sends a request that has one reply, and returns it; one that is not lawful
// ends the connection. What may not be sent twice is sent again only if it cannot
// have reached the server.
func exchange[M any, P protocol.Decodable[M]](ctx context.Context, c *Client, k kind, path string, m protocol.Message, lawful ...func(M) error) (reply M, err error) {
	err = c.attempt(ctx, k.op, path, func(conn *conn) (bool, error) {
		r := &request{op: k.op, path: path, replies: k.replies}
		r.patient.Store(k.patient)
		if err := conn.begin(ctx, r); err != nil {
			return true, err
		}
		conn.sender.message(r.id, m)
		a, err := r.next(ctx)
		if err != nil {
			return r.unanswered(k.once, err)
		}
		reply, err = decode[M, P](r, a)
		for _, check := range lawful {
			if fault := check(reply); err == nil && fault != nil {
				err = r.broken(fault)
			}
		}
		return true, err
	})
	return reply, err
}

// kind is what is common to all requests of an operation.
type kind struct {
	op      string
	replies *replies
	patient bool // the server may take long
	once    bool // to repeat it could give another result than to do it once
}

// unanswered returns what the failure of a request means that was sent whole,
// and whether it may be sent again.
func (r *request) unanswered(once bool, err error) (again bool, _ error) {
	if !once || !isLost(err) {
		return true, err
	}
	return false, &UnknownError{err}
}

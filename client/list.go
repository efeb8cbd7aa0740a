package client

import (
	"context"
	"iter"

	"ftpd/protocol"
)

// List yields the entries of a directory in no particular order, as they
// come. An entry with Err set is a directory that could not be read, or has a
// name that nothing can have; the walk goes on behind it. An error as the second value ends the walk. Breaking off
// cancels the listing. The loop's body may use the Client. A listing that is
// begun again, for the connection was lost, yields only what is new; one of more than
// some millions of entries is not begun again.
func (c *Client) List(ctx context.Context, path string, o ListOptions) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		w := walk{advanced: c.advanced, yield: yield}
		if c.options.Retries > 0 {
			w.seen, w.most = make(map[protocol.Digest]struct{}), c.limits.listSeen
		}
		err := c.attempt(ctx, "list", path, func(conn *conn) (bool, error) {
			l := lister{walk: &w, request: request{op: "list", path: path, replies: &listReplies}}
			err := l.run(ctx, conn, o)
			return w.seen != nil, err
		})
		if err != nil {
			yield(Entry{}, err)
		}
	}
}

// walk is a List, in as many requests as it takes.
type walk struct {
	advanced func()
	yield    func(Entry, error) bool
	// seen has the digest of each entry that was yielded, which is less than the
	// entry; nil where there will be no second request.
	seen map[protocol.Digest]struct{}
	most int // of seen: a server that lists without end does not fill the memory
}

// isNew tells whether an entry was not yielded by an earlier request. A directory
// may come twice: with a code once it fails.
func (w *walk) isNew(m *protocol.Entry) bool {
	if w.seen == nil {
		return true
	}
	digest := protocol.BlockDigest(append([]byte(m.Path), byte(m.Code)))
	_, found := w.seen[digest]
	if w.seen[digest] = struct{}{}; len(w.seen) > w.most {
		w.seen = nil
	}
	return !found
}

// emptyMost is how many ENTRIES without an entry a server may send in a row.
const emptyMost = 64

// lister is a listing in flight.
type lister struct {
	request
	walk  *walk
	count uint64 // entries that came
	empty int    // ENTRIES without an entry since the last with one
}

// run yields the entries. It returns nil when yield returned false.
func (l *lister) run(ctx context.Context, c *conn, o ListOptions) error {
	m := protocol.List{Path: l.path}
	if o.Recursive {
		m.Flags = protocol.ListRecursive
	}
	if err := c.begin(ctx, &l.request); err != nil {
		return err
	}
	defer l.abandon() // a panic or a Goexit in the loop's body must not leave it open
	c.sender.message(l.id, m)
	for {
		a, err := l.next(ctx)
		if err != nil {
			return err
		}
		if a.opcode == protocol.OpOK {
			return l.over(a)
		}
		if more, err := l.batch(ctx, a); err != nil || !more {
			return err
		}
	}
}

// batch yields the entries of one ENTRIES.
func (l *lister) batch(ctx context.Context, a arrival) (more bool, err error) {
	m, err := decode[protocol.Entries](&l.request, a)
	if err != nil {
		return false, err
	}
	if l.empty++; len(m.List) > 0 {
		l.empty = 0
	}
	if l.empty > emptyMost {
		return false, l.errorf(protocol.Protocol, "the listing goes on without entries")
	}
	l.count += uint64(len(m.List))
	for i := range m.List {
		if err := ctx.Err(); err != nil {
			return false, l.wrap(err)
		}
		if !l.walk.isNew(&m.List[i]) {
			continue
		}
		l.walk.advanced()
		if !l.walk.yield(l.entry(&m.List[i]), nil) {
			return false, nil
		}
	}
	return true, nil
}

func (l *lister) entry(m *protocol.Entry) Entry {
	e := Entry{Path: m.Path, Info: infoOf(&m.Meta)}
	switch {
	case !safeNames(m.Path, false):
		e.Err = &Error{Op: "list", Path: join(l.path, m.Path), Code: protocol.Invalid, Message: illegalName}
	case m.Code != 0:
		e.Err = &Error{Op: "list", Path: join(l.path, m.Path), Code: known(m.Code), Message: "the directory could not be read"}
	}
	return e
}

func (l *lister) over(a arrival) error {
	ok, err := decode[protocol.OK](&l.request, a)
	if err == nil && ok.Count != l.count {
		return l.errorf(protocol.Protocol, "the listing had %d entries, and not %d", l.count, ok.Count)
	}
	return err
}

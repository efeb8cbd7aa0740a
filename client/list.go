package client

import (
	"context"
	"iter"

	"ftpd/protocol"
)

// List yields the entries of a directory in no particular order, as they
// come. An entry with Err set is a directory that could not be read, or has a
// name that nothing can have; the walk goes on behind it. An error as the second value ends the walk. Breaking off
// cancels the listing. The loop's body may use the Client.
func (c *Client) List(ctx context.Context, path string, o ListOptions) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		l := lister{request: request{op: "list", path: path, replies: &listReplies}}
		if err := l.run(ctx, c.conn, o, yield); err != nil {
			yield(Entry{}, err)
		}
	}
}

// emptyMost is how many ENTRIES without an entry a server may send in a row.
const emptyMost = 64

// lister is a listing in flight.
type lister struct {
	request
	count uint64 // entries that came
	empty int    // ENTRIES without an entry since the last with one
}

// run yields the entries. It returns nil when yield returned false.
func (l *lister) run(ctx context.Context, c *conn, o ListOptions, yield func(Entry, error) bool) error {
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
		if more, err := l.batch(ctx, a, yield); err != nil || !more {
			return err
		}
	}
}

// batch yields the entries of one ENTRIES.
func (l *lister) batch(ctx context.Context, a arrival, yield func(Entry, error) bool) (more bool, err error) {
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
		if !yield(l.entry(&m.List[i]), nil) {
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

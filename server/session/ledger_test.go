package session_test

import (
	"bytes"
	"slices"
	"testing"

	"ftpd/protocol"
	"ftpd/server/reactor"
	"ftpd/server/session"
)

// The ends of a connection that let requests in flight finish.
const (
	reasonBye      reactor.Reason = "bye"
	reasonShutdown reactor.Reason = "shutdown"
)

// ledger is what a client knows of its connection: what it has asked for and
// what came of it. It fails the test when the server says what SPEC.md forbids.
type ledger struct {
	t        testing.TB
	sent     protocol.Decoder // by the client
	said     protocol.Decoder // by the server
	total    uint64           // bytes that the server has said
	requests map[uint32][]*asked
	pings    []protocol.Frame // not answered
	owed     map[uint32]bool  // of which blocks were asked for again: the server may wait for them
	welcomed bool
	away     bool // GOAWAY came
	last     bool // an ERROR of the connection came
	broken   bool // the client has sent what no server may take
	parted   bool // the client has said BYE
	allow    session.Permissions
	account  func() session.Permissions // of the last login that succeeded
}

// asked is a request of the client.
type asked struct {
	op       protocol.Opcode
	put      protocol.Put
	answered bool          // its final reply came
	ended    bool          // a PUT: END or CANCEL was sent
	replies  int           // of any kind
	tree     protocol.Tree // of the blocks of a GET that came, of a PUT that were sent
	next     uint64        // where the next of them begins
	etag     protocol.ETag
	entries  uint64
	owed     []uint64       // blocks of a PUT that are asked for again
	drained  reactor.Reason // for which the connection ends, once this one has its reply
}

func newLedger(t testing.TB) *ledger {
	l := &ledger{
		t: t, sent: protocol.NewDecoder(protocol.Client), said: protocol.NewDecoder(protocol.Server),
		requests: map[uint32][]*asked{}, owed: map[uint32]bool{},
	}
	l.sent.Attach(make([]byte, protocol.BlockBuffer))
	l.said.Attach(make([]byte, protocol.BlockBuffer))
	return l
}

// each hands the frames to visit that are complete with b.
func each(d *protocol.Decoder, b []byte, visit func(f protocol.Frame)) error {
	for {
		f, ok, err := d.Next()
		switch {
		case err != nil || !ok && len(b) == 0:
			return err
		case !ok:
			n := copy(d.Space(), b)
			d.Advance(n)
			b = b[n:]
		default:
			f.Payload = bytes.Clone(f.Payload)
			visit(f)
		}
	}
}

// newest returns the last request of a number, or nil.
func (l *ledger) newest(id uint32) *asked {
	if list := l.requests[id]; len(list) > 0 {
		return list[len(list)-1]
	}
	return nil
}

// open reports whether the ledger has a request in flight.
func (a *asked) open() bool { return !a.answered || a.op == protocol.OpPut && !a.ended }

// forget drops the requests that are over.
func (l *ledger) forget(id uint32) {
	l.requests[id] = slices.DeleteFunc(l.requests[id], func(a *asked) bool { return !a.open() })
	if len(l.requests[id]) == 0 {
		delete(l.requests, id)
	}
}

// sends notes what the client has sent.
func (l *ledger) sends(b []byte) {
	if l.broken {
		return
	}
	if err := each(&l.sent, b, l.sendsFrame); err != nil {
		l.broken = true
	}
}

func (l *ledger) sendsFrame(f protocol.Frame) {
	id := f.Request
	switch f.Opcode {
	case protocol.OpHello, protocol.OpData:
	case protocol.OpBye:
		for _, a := range l.all() {
			if !l.parted { // what comes behind the first one need not be read
				a.drained = reasonBye
			}
		}
		l.parted = true
	case protocol.OpPing:
		l.pings = append(l.pings, f)
	case protocol.OpEnd, protocol.OpCancel:
		if a := l.newest(id); a != nil && a.op == protocol.OpPut {
			a.ended = true
			l.forget(id)
		}
	case protocol.OpPut:
		m, err := protocol.Decode[protocol.Put](f)
		l.broken = l.broken || err != nil
		l.requests[id] = append(l.requests[id], &asked{op: f.Opcode, put: m})
	default:
		l.requests[id] = append(l.requests[id], &asked{op: f.Opcode})
	}
}

func (l *ledger) all() (list []*asked) {
	for _, some := range l.requests {
		list = append(list, some...)
	}
	return list
}

// says checks what the server has said.
func (l *ledger) says(b []byte) {
	if !l.welcomed && bytes.HasPrefix(b, []byte("ftpd: ")) { // the line for clients of other protocols
		l.last = true
		return
	}
	err := each(&l.said, b, func(f protocol.Frame) {
		before := l.total
		l.total += uint64(protocol.HeaderLen + len(f.Payload))
		if l.last {
			l.t.Fatalf("%s came after the ERROR that ends the connection", f.Opcode)
		}
		if f.Opcode == protocol.OpPong {
			l.pong(f, before)
			return
		}
		if f.Request == 0 {
			l.ofConnection(f)
			return
		}
		l.ofRequest(f)
	})
	if err != nil {
		l.t.Fatalf("the server said what is no frame: %v", err)
	}
}

func (l *ledger) pong(f protocol.Frame, before uint64) {
	m := decode[protocol.Pong](l.t, f)
	if len(l.pings) == 0 {
		l.t.Fatal("PONG came without PING")
	}
	ping := l.pings[0]
	l.pings = l.pings[1:]
	if ping.Request != f.Request || !bytes.Equal(decode[protocol.Ping](l.t, ping).Content, m.Content) || m.Position != before {
		l.t.Fatalf("PONG %d is %+v, %d bytes came before it", f.Request, m, before)
	}
}

func (l *ledger) ofConnection(f protocol.Frame) {
	switch {
	case f.Opcode == protocol.OpWelcome && !l.welcomed:
		l.welcomed = true
	case f.Opcode == protocol.OpGoaway && l.welcomed && !l.away:
		l.away = true
	case f.Opcode == protocol.OpError:
		l.last = true
	default:
		l.t.Fatalf("%s came, welcomed %t, sent away %t", f.Opcode, l.welcomed, l.away)
	}
}

// ofRequest takes a reply: it belongs to the first request of its number that
// has no final one.
func (l *ledger) ofRequest(f protocol.Frame) {
	list := l.requests[f.Request]
	i := slices.IndexFunc(list, func(a *asked) bool { return !a.answered })
	if i < 0 || !l.welcomed {
		l.t.Fatalf("%s came for request %d, which has its final reply or was never made", f.Opcode, f.Request)
	}
	list[i].reply(l.t, f)
	if a := list[i]; a.answered && f.Opcode != protocol.OpError {
		l.permitted(a.op)
	}
	l.owed[f.Request] = l.owed[f.Request] || len(list[i].owed) > 0
	list[i].replies++
	l.forget(f.Request)
}

// permitted checks that what was done was allowed.
func (l *ledger) permitted(op protocol.Opcode) {
	if op == protocol.OpAuth {
		l.allow = l.account()
		return
	}
	need := map[protocol.Opcode]session.Permissions{
		protocol.OpStat: session.List, protocol.OpList: session.List, protocol.OpGet: session.Read, protocol.OpSum: session.Read,
		protocol.OpPut: session.Write, protocol.OpMkdir: session.Write, protocol.OpRemove: session.Delete, protocol.OpRename: session.Write | session.Delete,
	}[op]
	if !l.allow.Has(need) {
		l.t.Fatalf("%s was done, which takes %s, by who may %s", op, need, l.allow)
	}
}

// finals are the opcodes that end each kind of request, besides ERROR.
var finals = map[protocol.Opcode]protocol.Opcode{
	protocol.OpStat: protocol.OpMeta, protocol.OpGet: protocol.OpEnd, protocol.OpSum: protocol.OpEnd, protocol.OpList: protocol.OpOK,
	protocol.OpAuth: protocol.OpOK, protocol.OpPut: protocol.OpOK, protocol.OpMkdir: protocol.OpOK, protocol.OpRemove: protocol.OpOK, protocol.OpRename: protocol.OpOK,
}

func (a *asked) reply(t testing.TB, f protocol.Frame) {
	if f.Opcode == protocol.OpError {
		a.answered = true
		return
	}
	var legal bool
	switch a.op {
	case protocol.OpGet:
		legal = a.replyToGet(t, f)
	case protocol.OpList:
		legal = a.replyToList(t, f)
	case protocol.OpPut:
		legal = a.replyToPut(t, f)
	default:
		legal = f.Opcode == finals[a.op]
	}
	if !legal {
		t.Fatalf("%s is no reply to %s behind %d others", f.Opcode, a.op, a.replies)
	}
	a.answered = f.Opcode == finals[a.op]
}

func (a *asked) replyToGet(t testing.TB, f protocol.Frame) bool {
	switch f.Opcode {
	case protocol.OpMeta:
		a.etag = decode[protocol.Meta](t, f).ETag
		return a.replies == 0
	case protocol.OpData:
		m := decode[protocol.Data](t, f)
		if !m.Verify() || a.tree.Size() > 0 && m.Offset != a.next {
			t.Fatalf("DATA at %d where %d was next, or it is damaged", m.Offset, a.next)
		}
		a.next = m.Offset + uint64(len(m.Bytes))
		a.tree.Add(m.Digest, len(m.Bytes))
		return a.replies > 0
	case protocol.OpEnd:
		m := decode[protocol.End](t, f)
		if m.Size != a.tree.Size() || m.Digest != a.tree.Sum() || m.ETag != a.etag {
			t.Fatalf("END %+v is not that of what came", m)
		}
		return a.replies > 0
	}
	return false
}

func (a *asked) replyToList(t testing.TB, f protocol.Frame) bool {
	switch f.Opcode {
	case protocol.OpEntries:
		a.entries += uint64(len(decode[protocol.Entries](t, f).List))
		return true
	case protocol.OpOK:
		if m := decode[protocol.OK](t, f); m.Count != a.entries {
			t.Fatalf("OK tells of %d entries, and %d came", m.Count, a.entries)
		}
		return true
	}
	return false
}

func (a *asked) replyToPut(t testing.TB, f protocol.Frame) bool {
	switch f.Opcode {
	case protocol.OpReady:
		m := decode[protocol.Ready](t, f)
		if m.Flags&protocol.ReadyAgain != 0 {
			a.owed = append(a.owed, m.Offset)
			return a.replies > 0
		}
		if m.Offset > 0 {
			a.tree.Continue(m.Offset, m.Digest)
		}
		a.next = m.Offset
		return a.replies == 0 && a.put.Flags&protocol.PutEager == 0
	case protocol.OpOK:
		return a.ended
	}
	return false
}

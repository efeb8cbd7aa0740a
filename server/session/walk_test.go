package session_test

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"syscall"
	"testing"
	"time"

	"ftpd/protocol"
	"ftpd/server/session"
	"ftpd/server/storage"
	"ftpd/server/storage/faulty"
)

// walk drives a session through whatever a program of bytes says: frames, legal
// or not, cut anywhere, jobs that end in any order, time, memory, faults.
type walk struct {
	t       testing.TB
	h       *harness
	session *session.Session
	ledger  *ledger
	program []byte
	pending []byte // made, and not yet sent
	made    uint64 // bytes
	eof     bool
	ending  bool // BYE was sent, or the server is shutting down
	fault   int  // how many operations of storage succeed before one fails; negative is all
	files   int  // open, with the listings
	staged  int  // staging files that are open
	logins  []*session.Account
	given   int // accounts that were given back
}

const (
	walkInFlight = 5
	// walkMemory bounds what one connection may hold: 2 MiB of input, 2 MiB of
	// output, what is on its way to each, and what has arrived beyond them.
	walkMemory = 6 << 20
	corpusSize = 600_000
)

// corpus is what the files of a walk are made of.
var corpus = text(corpusSize + protocol.BlockSize)

func newWalk(t testing.TB, template string, program []byte) *walk {
	w := &walk{t: t, program: program, fault: -1, ledger: newLedger(t)}
	root := t.TempDir()
	store := faulty.New(storeOf(t, root), faulty.Hooks{Before: w.before, After: w.after})
	w.h = newHarnessOn(t, root, store, func(c *session.Config) {
		c.InFlight, c.PlainPasswords = walkInFlight, true
		w.choosePolicy(c)
	})
	w.session = w.h.session.(*session.Session)
	w.h.tap = w.ledger.says
	w.h.write("dir/small", "content")
	for _, name := range []string{"file", "big"} { // which no walk writes to, but may replace
		if err := os.Link(filepath.Join(template, name), filepath.Join(root, name)); err != nil {
			t.Fatal(err)
		}
	}
	return w
}

// walkFiles makes the large files that walks share, in the directory returned.
func walkFiles(t testing.TB) string {
	dir := t.TempDir()
	for name, size := range map[string]int{"file": 70 << 10, "big": corpusSize} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(corpus[:size]), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// before counts what is given up, and fails what is to fail.
func (w *walk) before(op faulty.Op, _ storage.Path) error {
	switch op {
	case faulty.FileClose, faulty.ListClose:
		w.files--
	case faulty.StagingAbort, faulty.StagingCommit, faulty.StagingLeave:
		w.staged--
	}
	if w.fault--; w.fault == -1 {
		return syscall.EIO
	}
	return nil
}

func (w *walk) after(op faulty.Op, _ storage.Path) error {
	switch op {
	case faulty.Open, faulty.List:
		w.files++
	case faulty.Create:
		w.staged++
	}
	return nil
}

// run does what the program says and checks after each step.
func (w *walk) run() {
	w.send(hello())
	if w.byte()%16 > 0 { // else HELLO waits with what follows
		w.advance(len(w.pending))
	}
	for len(w.program) > 0 && w.h.finished == "" && w.h.aborted == "" {
		steps[int(w.byte())%len(steps)](w)
		w.check()
	}
	if w.byte()%4 > 0 {
		w.settle()
	}
	w.close()
}

// byte takes the next byte of the program; behind its end all are 0.
func (w *walk) byte() byte {
	if len(w.program) == 0 {
		return 0
	}
	b := w.program[0]
	w.program = w.program[1:]
	return b
}

// of takes one of several values.
func of[T any](w *walk, values ...T) T { return values[int(w.byte())%len(values)] }

func (w *walk) id() uint32 { return uint32(w.byte()%7) + 1 }

// send has a frame on its way.
func (w *walk) send(b []byte) {
	w.pending = append(w.pending, b...)
	w.made += uint64(len(b))
	w.ledger.sends(b)
}

// advance hands the session the next n bytes, as far as it takes them.
func (w *walk) advance(n int) {
	if w.eof {
		return
	}
	n = min(n, len(w.pending))
	left := w.h.feed(w.pending[:n])
	w.pending = w.pending[n-len(left):]
}

// quiet reports that the session has handled all that was made.
func (w *walk) quiet() bool {
	return len(w.pending) == 0 && !w.session.Unhandled() && !w.ledger.broken && !w.h.over() && !w.eof
}

// check holds what holds at any moment.
func (w *walk) check() {
	held := 0
	for b := range w.h.lent {
		held += len(b.Bytes)
	}
	if held > walkMemory {
		w.t.Fatalf("%d bytes of buffers are lent to one connection", held)
	}
	inFlight := w.session.InFlight()
	if len(inFlight) > walkInFlight {
		w.t.Fatalf("%d requests are in flight", len(inFlight))
	}
	if !w.quiet() {
		return // the two may differ for now
	}
	if len(inFlight) == 0 && w.h.deadline.IsZero() {
		w.t.Fatal("a connection may rest for ever")
	}
	for _, id := range inFlight {
		if w.ledger.newest(id) == nil && !w.ledger.owed[id] {
			w.t.Fatalf("request %d is in flight for the server, and over for the client", id)
		}
	}
	for id := range w.ledger.requests {
		if !slices.Contains(inFlight, id) {
			w.t.Fatalf("request %d is in flight for the client, and over for the server", id)
		}
	}
}

// settle lets everything come to its end: what is made is sent, every PUT is
// ended, all jobs run, all output is taken. Each request has its final reply
// then, unless the connection has ended.
func (w *walk) settle() {
	w.h.blocked, w.fault = false, -1
	w.feedMemory()
	w.sendAll()
	for id := uint32(1); id <= 8; id++ {
		if a := w.ledger.newest(id); a != nil && a.op == protocol.OpPut && !a.ended {
			w.send(protocol.Append(nil, id, protocol.Cancel{}))
		}
	}
	w.sendAll()
	for range 3 { // a login that failed is told later
		w.wait(5 * time.Second)
		w.sendAll()
	}
	switch {
	case w.h.aborted != "":
	case w.h.finished == reasonBye || w.h.finished == reasonShutdown:
		for _, a := range w.ledger.all() {
			if a.drained == w.h.finished && !a.answered {
				w.t.Fatalf("%s has no final reply, and the connection ends with %q", a.op, w.h.finished)
			}
		}
	case w.h.finished != "" || w.eof:
	case w.ending && len(w.ledger.requests) == 0 && len(w.ledger.owed) == 0:
		w.t.Fatal("nothing is in flight, and the connection that was to end goes on")
	case w.ledger.broken:
		w.t.Fatal("what no server may take was taken")
	case len(w.ledger.requests) > 0:
		w.t.Fatalf("requests have no final reply: %+v", w.ledger.requests)
	default:
		w.check()
	}
}

// sendAll sends what was made, and runs what there is to run.
func (w *walk) sendAll() {
	for {
		before := len(w.pending)
		w.advance(before)
		ran := len(w.h.jobs) > 0
		w.h.run()
		if len(w.pending) == 0 || w.h.over() || w.eof {
			return
		}
		if len(w.pending) == before && !ran {
			w.t.Fatalf("the session is stuck with %d bytes to take", before)
		}
	}
}

// feedMemory has the memory back that was short.
func (w *walk) feedMemory() {
	w.h.starved, w.h.noBulk, w.h.share = false, false, 32<<20
	if w.h.hungry {
		w.h.hungry, w.h.again = false, true
	}
}

// close ends the connection; jobs that are out come back in any order. Nothing is
// held then.
func (w *walk) close() {
	w.h.closed = true
	w.session.Closed(w.h.now, "test")
	w.h.shuffle(rand.New(rand.NewPCG(w.made, 1)))
	if w.given != len(w.logins) {
		w.t.Fatalf("%d accounts were given back, of %d", w.given, len(w.logins))
	}
	if n := len(w.session.InFlight()); n > 0 || len(w.h.lent) > 0 || w.files != 0 || w.staged > 0 {
		w.t.Fatalf("a connection that is closed holds %d requests, %d buffers, %d files, %d staging files", n, len(w.h.lent), w.files, w.staged)
	}
}

package session_test

import (
	"bytes"
	"log/slog"
	"math/rand/v2"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"ftpd/protocol"
	"ftpd/server/reactor"
	"ftpd/server/session"
	"ftpd/server/storage"
	"ftpd/server/storage/local"
)

// harness drives one session without a network: it plays the reactor.
type harness struct {
	t       testing.TB
	root    string
	store   storage.Storage
	session reactor.Session
	now     time.Time
	moved   time.Time

	output      []byte
	scratch     []byte
	sent        []byte // to the client, not yet decoded
	blocked     bool   // output stays queued
	jobs        []reactor.Job
	lane        reactor.Lane // of the last one
	lent        map[*reactor.Buffer]bool
	input       []byte                    // see reactor.Link.Scratch
	starved     bool                      // no buffers are lent
	hungry      bool                      // and one was asked for
	share       int                       // see reactor.Link
	noBulk      bool                      // no buffers are lent but for control
	free        map[int][]*reactor.Buffer // used again, as the reactor does; nil is never
	again       bool
	deadline    time.Time
	limits      []*reactor.Bucket
	handshaking bool
	admitted    bool
	cause       error
	exporter    []byte // inside TLS; nil is plain
	finished    reactor.Reason
	aborted     reactor.Reason
	closed      bool
	in, out     int64
	replies     protocol.Decoder
	tap         func(b []byte) // is shown all output when it is queued; nil is nobody
}

type option func(*session.Config)

// disk is a storage that has nothing in memory, so that every request is a job, on every system.
type disk struct{ storage.Storage }

// newHarness opens a session over a temporary directory.
func newHarness(t testing.TB, options ...option) *harness {
	t.Helper()
	root := t.TempDir()
	store, err := local.Open(root, local.Options{NoSync: true})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	return newHarnessOn(t, root, disk{store}, options...)
}

func newHarnessOn(t testing.TB, root string, store storage.Storage, options ...option) *harness {
	t.Helper()
	config := session.Config{Storage: store, Agent: "test", Logger: slog.New(slog.DiscardHandler)}
	for _, o := range options {
		o(&config)
	}
	return opened(t, session.NewFactory(config), root, store, reactor.Peer{Address: netip.MustParseAddrPort("192.0.2.1:5")})
}

// opened returns a harness of a new connection.
func opened(t testing.TB, factory *session.Factory, root string, store storage.Storage, peer reactor.Peer) *harness {
	t.Helper()
	h := &harness{t: t, root: root, store: store, now: time.Unix(1_700_000_000, 0), lent: map[*reactor.Buffer]bool{}, share: 32 << 20}
	h.moved = h.now
	h.replies = protocol.NewDecoder(protocol.Server)
	h.replies.Attach(make([]byte, protocol.BlockBuffer))
	h.session = factory.Session(peer)
	h.session.Open(h.now, h)
	t.Cleanup(h.close)
	return h
}

// greeted returns a harness whose session has welcomed its client.
func greeted(t testing.TB, options ...option) *harness {
	t.Helper()
	h := newHarness(t, options...)
	h.greet()
	return h
}

func (h *harness) greet() {
	h.t.Helper()
	h.feed(hello())
	if f := h.one(); f.Opcode != protocol.OpWelcome {
		h.t.Fatalf("HELLO was answered with %s", f.Opcode)
	}
}

func hello() []byte {
	return protocol.Append(nil, 0, protocol.Hello{InFlight: 64, Agent: "tester"})
}

// close ends the connection and checks that nothing is held any more.
func (h *harness) close() {
	if h.closed {
		return
	}
	h.closed = true
	h.session.Closed(h.now, "test")
	h.run()
	if len(h.lent) > 0 {
		h.t.Errorf("%d buffers are still lent after the close", len(h.lent))
	}
}

// feed hands bytes to the session as far as it takes them, and returns what it
// did not take.
func (h *harness) feed(b []byte) []byte {
	for len(b) > 0 && h.finished == "" && h.aborted == "" && !h.session.Paused() {
		space := h.session.Input(h.now)
		if len(space) == 0 {
			return b
		}
		n := copy(space, b)
		b = b[n:]
		h.in += int64(n)
		h.moved = h.now
		h.session.Received(h.now, n)
	}
	return b
}

// exchange feeds all of b, running jobs as they come, and returns the replies.
func (h *harness) exchange(b []byte) []protocol.Frame {
	h.t.Helper()
	for {
		before := len(b)
		b = h.feed(b)
		ran := len(h.jobs) > 0
		h.run()
		if len(b) == 0 || h.finished != "" || h.aborted != "" {
			return h.frames()
		}
		if len(b) == before && !ran {
			h.t.Fatalf("the session is stuck with %d bytes to take", len(b))
		}
		h.drain()
	}
}

// run runs jobs, and resumes the session, until there is nothing to do.
func (h *harness) run() {
	for h.step(0) || h.resume() {
	}
}

// step runs the i-th job; it reports whether there was one.
func (h *harness) step(i int) bool {
	if len(h.jobs) == 0 {
		return false
	}
	job := h.jobs[i]
	h.jobs = slices.Delete(h.jobs, i, i+1)
	job.Run()
	h.session.Complete(h.now, job)
	return true
}

func (h *harness) resume() bool {
	if h.closed || h.finished != "" || h.aborted != "" {
		return false
	}
	wrote := h.drain()
	if !h.again && !wrote {
		return false
	}
	h.again = false
	h.session.Resume(h.now)
	return true
}

// shuffle runs jobs in random order until there are none.
func (h *harness) shuffle(random *rand.Rand) {
	for len(h.jobs) > 0 {
		h.step(random.IntN(len(h.jobs)))
		h.resume()
	}
}

// drain moves what is queued to the client.
func (h *harness) drain() bool {
	if h.blocked || len(h.output) == 0 {
		return false
	}
	h.out += int64(len(h.output))
	h.sent = append(h.sent, h.output...)
	h.output = h.output[:0]
	return true
}

// frames returns the replies that have come since the last call.
func (h *harness) frames() []protocol.Frame {
	h.t.Helper()
	h.drain()
	var list []protocol.Frame
	for {
		f, ok, err := h.replies.Next()
		if err != nil {
			h.t.Fatalf("the server sent a bad frame: %v", err)
		}
		if !ok && len(h.sent) == 0 {
			return list
		}
		if !ok {
			n := copy(h.replies.Space(), h.sent)
			h.replies.Advance(n)
			h.sent = h.sent[n:]
			continue
		}
		f.Payload = bytes.Clone(f.Payload)
		list = append(list, f)
	}
}

// one returns the only reply.
func (h *harness) one() protocol.Frame {
	h.t.Helper()
	h.run()
	list := h.frames()
	if len(list) != 1 {
		h.t.Fatalf("%d replies instead of one: %v", len(list), names(list))
	}
	return list[0]
}

// request sends one message and returns the replies.
func request[M protocol.Message](h *harness, id uint32, m M) []protocol.Frame {
	h.t.Helper()
	return h.exchange(protocol.Append(nil, id, m))
}

// final sends one message and returns its only reply, decoded.
func final[R any, P protocol.Decodable[R], M protocol.Message](h *harness, m M) R {
	h.t.Helper()
	list := request(h, 7, m)
	if len(list) != 1 {
		h.t.Fatalf("%d replies instead of one: %v", len(list), names(list))
	}
	return decode[R, P](h.t, list[0])
}

func decode[R any, P protocol.Decodable[R]](t testing.TB, f protocol.Frame) R {
	t.Helper()
	if f.Opcode == protocol.OpError && P(new(R)).Opcode() != protocol.OpError {
		m, _ := protocol.Decode[protocol.Error](f)
		t.Fatalf("ERROR %s: %s", m.Code, m.Message)
	}
	m, err := protocol.Decode[R, P](f)
	if err != nil {
		t.Fatalf("reply %s: %v", f.Opcode, err)
	}
	return m
}

func names(list []protocol.Frame) []string {
	var s []string
	for _, f := range list {
		name := f.Opcode.String()
		if f.Opcode == protocol.OpError {
			if m, err := protocol.Decode[protocol.Error](f); err == nil {
				name += " " + m.Code.String()
			}
		}
		s = append(s, name)
	}
	return s
}

func (h *harness) write(name, content string) {
	h.t.Helper()
	path := filepath.Join(h.root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		h.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o644); err != nil {
		h.t.Fatal(err)
	}
}

func (h *harness) read(name string) string {
	h.t.Helper()
	b, err := os.ReadFile(filepath.Join(h.root, name))
	if err != nil {
		h.t.Fatal(err)
	}
	return string(b)
}

// What follows is the harness as a reactor.Link.

func (h *harness) Reserve(n int) []byte {
	if h.free == nil {
		return make([]byte, 0, n)
	}
	h.scratch = slices.Grow(h.scratch[:0], n)
	return h.scratch
}

// Commit drops what comes after the end, as the reactor does.
func (h *harness) Commit(b []byte) {
	if h.closed || h.over() {
		return
	}
	h.output = append(h.output, b...)
	if h.tap != nil {
		h.tap(b)
	}
}

// over reports whether the session has ended its connection.
func (h *harness) over() bool { return h.finished != "" || h.aborted != "" }

func (h *harness) Send(b *reactor.Buffer, n int) {
	h.Commit(b.Bytes[:n])
	h.Release(b)
}

func (h *harness) Queued() int { return len(h.output) }

func (h *harness) Limit(b *reactor.Bucket) { h.limits = append(h.limits, b) }

func (h *harness) Cause() error { return h.cause }

func (h *harness) Admit() { h.admitted = true }

func (h *harness) Handshaking() bool { return h.handshaking }

func (h *harness) Secure() bool { return h.exporter != nil }

func (h *harness) Exporter(string) ([]byte, bool) { return h.exporter, h.exporter != nil }

func (h *harness) Share() int { return h.share }

func (h *harness) Hungry() bool { return h.hungry }

// Scratch is new each time, as if everybody else had used it in between.
func (h *harness) Scratch() []byte {
	if h.free == nil || h.input == nil {
		h.input = make([]byte, reactor.MediumBuffer)
	}
	return h.input
}

func (h *harness) Buffer(size int, use reactor.Use) *reactor.Buffer {
	if h.starved || h.noBulk && use == reactor.Bulk {
		h.hungry = true
		return nil
	}
	return h.Take(size)
}

func (h *harness) Take(size int) *reactor.Buffer {
	size = roundUp(size)
	var b *reactor.Buffer
	if last := len(h.free[size]) - 1; last >= 0 {
		b = h.free[size][last]
		h.free[size] = h.free[size][:last]
	} else {
		b = &reactor.Buffer{Bytes: make([]byte, size)}
	}
	h.lent[b] = true
	return b
}

func roundUp(size int) int {
	for _, have := range []int{reactor.TinyBuffer, reactor.SmallBuffer, reactor.MediumBuffer, reactor.LargeBuffer} {
		if size <= have {
			return have
		}
	}
	panic("too large")
}

func (h *harness) Release(b *reactor.Buffer) {
	if !h.lent[b] {
		h.t.Error("a buffer was given back twice")
	}
	delete(h.lent, b)
	if h.free == nil {
		clear(b.Bytes) // whoever still reads it sees the mistake
		return
	}
	h.free[len(b.Bytes)] = append(h.free[len(b.Bytes)], b)
}

func (h *harness) Offload(lane reactor.Lane, job reactor.Job) {
	h.jobs, h.lane = append(h.jobs, job), lane
}

func (h *harness) Again()                  { h.again = true }
func (h *harness) SetDeadline(t time.Time) { h.deadline = t }
func (h *harness) Moved() time.Time        { return h.moved }
func (h *harness) Counts() (in, out int64) { return h.in, h.out }

func (h *harness) Finish(reason reactor.Reason) {
	if h.finished == "" {
		h.finished = reason
	}
}

func (h *harness) Abort(reason reactor.Reason) {
	if h.aborted == "" {
		h.aborted = reason
	}
}

package reactor

import (
	"errors"
	"fmt"
	"runtime"
	"runtime/debug"
	"time"
)

// handshake is that of a TLS connection. Its goroutine begins with the first bytes that
// the peer sends, and sleeps while more are waited for: a peer that is silent or slow costs
// memory and no processor. How long it may take is the session's to say.
//
// It is a job that no lane runs: the pool only brings it back to the loop.
type handshake struct {
	secure *secure
	begun  time.Time
	index  int // in Loop.shakes, from 1 on; 0 is not there
	err    error
}

// errPanic is a bug of ours.
var errPanic = errors.New("a TLS handshake panicked")

// flight is that a handshake has something to be written.
type flight struct{ secure *secure }

// Run is part of Job.
func (flight) Run() {}

// Run is part of Job.
func (h *handshake) Run() {
	w := h.secure.wire
	w.turns <- struct{}{}
	defer func() {
		<-w.turns
		if p := recover(); p != nil {
			h.err = fmt.Errorf("%w: %v\n%s", errPanic, p, debug.Stack())
		}
	}()
	h.err = h.secure.tls.Handshake()
}

// shakes are the handshakes under way: at most so many, or connections that never end
// theirs would take all memory.
type shakes struct {
	list []*handshake
	most int
}

func (s *shakes) add(h *handshake) {
	s.list = append(s.list, h)
	h.index = len(s.list)
}

func (s *shakes) remove(h *handshake) {
	if h.index == 0 {
		return
	}
	last := s.list[len(s.list)-1]
	s.list[h.index-1], last.index = last, h.index
	s.list = s.list[:len(s.list)-1]
	h.index = 0
}

// oldest returns the handshake that has lasted longest: that of a peer which takes its
// time, for one of a few milliseconds is never the oldest for long.
func (s *shakes) oldest() *handshake {
	oldest := s.list[0]
	for _, h := range s.list[1:] {
		if h.begun.Before(oldest.begun) {
			oldest = h
		}
	}
	return oldest
}

// computing is how many handshakes compute at once: all processors but what the loop needs
// to serve those who are inside.
func computing() int { return max(1, runtime.NumCPU()-1) }

// Handshaking is part of Link.
func (c *Conn) Handshaking() bool {
	t, ok := c.transport.(*secure)
	return ok && t.handshake != nil
}

// Secure is part of Link.
func (c *Conn) Secure() bool {
	t, ok := c.transport.(*secure)
	return ok && t.handshake == nil && !t.failed
}

// exporterLen is the length of what Exporter returns, in bytes.
const exporterLen = 32

// Exporter is part of Link.
func (c *Conn) Exporter(label string) ([]byte, bool) {
	if !c.Secure() {
		return nil, false
	}
	state := c.transport.(*secure).tls.ConnectionState()
	material, err := state.ExportKeyingMaterial(label, nil, exporterLen)
	return material, err == nil
}

// shake reads what belongs to a handshake.
func (l *Loop) shake(c *Conn, t *secure) {
	c.ignored = true // there may be more
	room := t.wire.room()
	if room == 0 {
		return
	}
	n, err := (*plain)(c).Read(l.scratch[:room])
	begins := t.handshake.begun.IsZero()
	switch {
	case errors.Is(err, errWouldBlock):
		return
	case begins && err != nil:
		c.Abort(ReasonReset)
		return
	case begins && n == 0:
		c.Abort(ReasonEOF) // a connection without a byte, as of a monitor
		return
	case err != nil || n == 0:
		t.wire.cut() // what came before may be an alert: the handshake tells
		return
	}
	c.moved = l.now.Sub(l.epoch)
	if begins && l.scratch[0] != handshakeRecord {
		l.tellPlain(c)
		return
	}
	t.wire.bring(l.scratch[:n])
	if begins {
		l.beginHandshake(c, t.handshake)
	}
}

func (l *Loop) beginHandshake(c *Conn, h *handshake) {
	if len(l.shakes.list) >= l.shakes.most {
		l.shakes.oldest().secure.conn.Abort(ReasonHandshakes)
	}
	h.begun = l.now
	l.shakes.add(h)
	l.jobs++
	c.jobs++
	go func() {
		h.Run()
		l.offload.finish(completion{conn: c, job: h})
	}()
}

// shaken takes over from a handshake that is over.
func (l *Loop) shaken(c *Conn, h *handshake) {
	c.jobs--
	l.jobs--
	if c.phase == closed {
		return
	}
	l.shakes.remove(h)
	t := h.secure
	t.handshake = nil
	t.wire.shaking = false
	l.touch(c)
	if h.err == nil {
		t.more = true // what came behind the handshake
		return
	}
	t.failed = true
	c.dropOutput()
	if errors.Is(h.err, errPanic) {
		l.config.Logger.Error("a TLS handshake failed", "error", h.err)
		c.Abort(ReasonInternal)
		return
	}
	if alert, ok := t.wire.alert(); ok {
		h.err = fmt.Errorf("remote error: %w", alert)
	}
	if c.phase == open {
		c.fail(whyTLS(h.err, t.wire.shown))
	}
}

// tellPlain answers a client that does not speak TLS in the only words that it knows.
func (l *Loop) tellPlain(c *Conn) {
	c.transport.Release()
	c.transport = (*plain)(c)
	c.dropOutput()
	if c.phase != open {
		c.Abort(ReasonPlain)
		return
	}
	c.Commit(append(c.Reserve(len(foreignRecord)), foreignRecord...))
	c.Finish(ReasonPlain)
}

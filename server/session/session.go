// Package session is one connection of the native protocol: bytes and time go
// in, bytes and jobs come out. It knows frames, states and requests, and no
// descriptor and no disk: the reactor carries its bytes, and what may block
// runs as a job on the offload pool. So all of it can be tested without a
// network and without waiting.
//
// All state is owned by the loop goroutine. A job owns what it was given until
// the reactor brings it back.
package session

import (
	"cmp"
	"context"
	"log/slog"
	"net/netip"
	"strings"
	"sync"
	"time"
	"unique"

	"ftpd/protocol"
	"ftpd/server/reactor"
	"ftpd/server/storage"
)

// Config is what all sessions of a server share. Zero fields are defaults.
type Config struct {
	Storage          storage.Storage // required
	Logger           *slog.Logger    // default slog.Default
	Agent            string          // what WELCOME calls the server
	Features         protocol.Features
	InFlight         int           // requests a client may have in flight, default protocol.DefaultInFlight
	Gate             Gate          // who a connection acts for; nil lets everyone into Storage
	Allow            Permissions   // what everyone may do there without a Gate, default Everything
	PlainPasswords   bool          // take passwords outside TLS too
	LoginTimeout     time.Duration // from connecting until a login must have succeeded where one is needed, default 30 s; negative is never
	HandshakeTimeout time.Duration // until HELLO must be there, default 10 s; negative is never
	IdleTimeout      time.Duration // without a request in flight, default 15 min; negative is never
	StallTimeout     time.Duration // with one, but without a byte moving for want of the client, default 60 s; negative is never
}

func (c Config) withDefaults() Config {
	if c.Logger == nil {
		c.Logger = slog.Default()
	}
	if c.InFlight == 0 {
		c.InFlight = protocol.DefaultInFlight
	}
	c.HandshakeTimeout = timeout(c.HandshakeTimeout, 10*time.Second)
	c.LoginTimeout = timeout(c.LoginTimeout, 30*time.Second)
	c.IdleTimeout = timeout(c.IdleTimeout, 15*time.Minute)
	c.StallTimeout = timeout(c.StallTimeout, time.Minute)
	return c
}

// timeout returns 0 for never, and otherwise d or its default.
func timeout(d, byDefault time.Duration) time.Duration {
	switch {
	case d < 0:
		return 0
	case d == 0:
		return byDefault
	}
	return d
}

// Factory makes the sessions of a server.
type Factory struct{ shared }

// shared is what all sessions of a server have in common.
type shared struct {
	config   Config
	everyone *Account  // where there is no gate
	pool     sync.Pool // of *work
	line     line      // of those who log in
}

// NewFactory returns a Factory with config's defaults filled in.
func NewFactory(config Config) *Factory {
	return &Factory{shared{
		config:   config.withDefaults(),
		everyone: &Account{Storage: config.Storage, Allow: cmp.Or(config.Allow, Everything)},
		pool:     sync.Pool{New: newWork},
	}}
}

// Session returns the session of a new connection.
func (f *Factory) Session(peer reactor.Peer) reactor.Session {
	return &Session{shared: &f.shared, peer: peer.Address, full: peer.Full, spare: peer.Spare && f.config.Gate != nil}
}

// Session is one connection. It implements reactor.Session.
//
// Most connections of a server are idle, so it is kept small: what only a busy one
// needs is in work.
type Session struct {
	*work            // nil while the session is idle
	*shared          // with all others
	account *Account // nil until there is one
	link    reactor.Link
	peer    netip.AddrPort
	agent   unique.Handle[string] // the client's name, of which most have the same
	started time.Time
	moved   time.Duration // after started: when something last happened

	served   int32  // requests answered so far
	failed   int32  // those answered with ERROR
	inFlight uint16 // the most requests in flight
	state    state
	ended    bool         // Link.Finish was called: nothing more is read or written
	spare    bool         // there is one for an administrator
	full     reactor.Full // why there is no place for this client
	eof      bool         // the peer sends no more
}

// request is one request in flight, from its first frame to its last. Its
// methods run on the loop goroutine.
type request interface {
	// cancel is called when the client wants it no more, and when the
	// connection is gone. What it holds is let go, by a job where that may
	// block; its final reply follows now or when its jobs are back.
	cancel(s *Session)
	// waits reports that the client is to move next.
	waits() bool
}

// job is the work of a request. finish is called on the loop goroutine after
// Run, also when the connection is gone.
type job interface {
	reactor.Job
	finish(s *Session)
}

// Open is part of reactor.Session.
func (s *Session) Open(now time.Time, link reactor.Link) {
	s.link, s.started = link, now
	s.enter(now)
	defer s.leave()
	s.setState(greeting)
	if s.full != reactor.NotFull && !s.spare {
		s.turnBack()
	}
}

// offload runs a job on the pool.
func (s *Session) offload(lane reactor.Lane, j job) {
	s.out++
	s.link.Offload(lane, j)
}

// Complete is part of reactor.Session.
func (s *Session) Complete(now time.Time, done reactor.Job) {
	s.enter(now)
	defer s.leave()
	s.moved = now.Sub(s.started)
	s.out--
	done.(job).finish(s)
	s.proceed(now)
	s.endIfOneSided()
	s.releaseAccount()
}

// Resume is part of reactor.Session. A block that memory was waited for takes it at
// once, before somebody else does.
func (s *Session) Resume(now time.Time) {
	if s.work == nil {
		return // there is nothing to go on with
	}
	s.enter(now)
	defer s.leave()
	if !s.ended && s.wantsBlock() {
		s.lendBlock()
	}
	s.proceed(now)
}

// proceed does what can be done now: handle frames that have arrived, start
// jobs that make output, and give back an input buffer that nothing is in.
func (s *Session) proceed(now time.Time) {
	if s.state == closed || s.ended {
		return
	}
	if s.account != nil && s.account.Revoked() {
		s.refuse(errRevoked, reasonRevoked)
		return
	}
	s.now = now
	s.process()
	s.storer.start(s)
	s.produce()
	if s.decoder.Buffered() == 0 {
		s.letGoOfInput()
	}
}

// EOF is part of reactor.Session. Who said BYE may have shut its side: it still gets
// its replies.
func (s *Session) EOF(now time.Time) {
	s.enter(now)
	defer s.leave()
	s.eof = true
	if s.state != draining {
		s.link.Abort(reactor.ReasonEOF)
	}
	s.endIfOneSided()
}

// endIfOneSided ends the connection of a peer that sends no more, while a request
// waits for it.
func (s *Session) endIfOneSided() {
	if s.eof && s.state == draining && s.waiting() {
		s.link.Abort(reactor.ReasonEOF)
	}
}

// Drain is part of reactor.Session.
func (s *Session) Drain(now time.Time) {
	s.enter(now)
	defer s.leave()
	const message = "the server is shutting down"
	switch s.state {
	case greeting: // HELLO is answered with WELCOME or ERROR only
		if s.link.Handshaking() {
			s.link.Abort(reasonShutdown) // it understands no word yet
			return
		}
		s.refuse(&protocol.RequestError{Code: protocol.ShuttingDown, Retry: true, Message: message}, reasonShutdown)
	case authenticating, ready:
		reply(s, 0, protocol.Goaway{Code: protocol.ShuttingDown, Message: message})
		s.drain(reasonShutdown)
	case opening, draining, closed:
	}
}

// Closed is part of reactor.Session.
func (s *Session) Closed(now time.Time, reason reactor.Reason) {
	s.enter(now)
	defer s.leave()
	s.setState(closed)
	if s.cancel != nil {
		s.cancel()
	}
	requests := s.requests.list
	s.requests, s.producers = requestList{}, nil
	for _, t := range requests {
		t.request.cancel(s)
	}
	s.letGoOfInput()
	in, out := s.link.Counts()
	said := append(s.who(), "agent", s.name(), "reason", string(reason))
	said = append(said, s.cause()...)
	said = append(said, "requests", s.served, "failed", s.failed, "in", in, "out", out, "duration", now.Sub(s.started).Round(time.Microsecond))
	s.config.Logger.Info("connection closed", said...)
	s.releaseAccount()
}

// maxCause bounds what the log has of a cause, in bytes: it may hold what the peer sent.
const maxCause = 200

// cause is what the log says of why the connection ends, besides the reason.
func (s *Session) cause() []any {
	err := s.link.Cause()
	if err == nil {
		return nil
	}
	text := err.Error()
	if len(text) > maxCause {
		text = text[:maxCause] + "..."
	}
	return []any{"cause", strings.ToValidUTF8(text, "\uFFFD")}
}

// context returns the context of this session's jobs, which ends with it.
func (s *Session) context() context.Context {
	if s.ctx == nil {
		s.ctx, s.cancel = context.WithCancel(context.Background())
	}
	return s.ctx
}

// find returns a request in flight, or nil.
func (s *Session) find(id uint32) request { return s.requests.find(id) }

// add takes a request in flight. From the first one on the client has less
// time to be quiet; before a login, that has an end of its own.
func (s *Session) add(id uint32, r request) {
	s.requests.add(id, r)
	if s.requests.len() == 1 && s.config.StallTimeout > 0 && s.state != authenticating {
		s.link.SetDeadline(s.now.Add(s.config.StallTimeout))
	}
}

// retire ends a request: its number is free again.
func (s *Session) retire(id uint32) {
	s.requests.remove(id)
	if s.requests.len() > 0 {
		return
	}
	switch {
	case s.state == draining:
		s.finish(s.drainFor)
	case s.state == ready && s.config.IdleTimeout > 0 && (s.config.StallTimeout == 0 || s.config.IdleTimeout < s.config.StallTimeout):
		s.deadline(s.config.IdleTimeout) // the deadline that add has set is later
	}
}

// finish closes the connection once what is queued is written.
func (s *Session) finish(reason reactor.Reason) {
	s.ended = true
	s.link.Finish(reason)
}

// waiting reports that a request in flight waits for the client.
func (s *Session) waiting() bool {
	for _, t := range s.requests.list {
		if t.request.waits() {
			return true
		}
	}
	return false
}

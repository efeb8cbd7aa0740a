package session_test

import (
	"bytes"
	"errors"
	"log/slog"
	"net/netip"
	"slices"
	"strings"
	"testing"
	"time"

	"ftpd/protocol"
	"ftpd/server/session"
)

// authenticate is an AUTH that the gate of users takes.
func authenticate() []byte {
	return protocol.Append(nil, 1, protocol.Authenticate{Method: protocol.Password, User: "alice", Credential: []byte("sesame")})
}

// users returns a gate that lets alice in, with "sesame".
func users(released *int) *gate {
	g := &gate{}
	g.login = func(a session.Attempt) (*session.Account, error) {
		if a.User != "alice" || string(a.Credential) != "sesame" {
			return nil, &session.LoginError{
				Answer: protocol.Errorf(protocol.Auth, "login failed"), Cause: "wrong password", Failures: 3, Delay: 2 * time.Second,
			}
		}
		return &session.Account{Name: a.User, Allow: session.Everything, Release: func() { *released++ }}, nil
	}
	return g
}

// guarded returns a harness of a server that wants a login, once HELLO was answered.
func guarded(t *testing.T, g *gate, more ...option) *harness {
	t.Helper()
	inner := g.login
	h := newHarness(t, append(more, func(c *session.Config) {
		c.Gate, c.PlainPasswords = g, true
		g.login = func(a session.Attempt) (*session.Account, error) {
			account, err := inner(a)
			if account != nil {
				account.Storage = c.Storage
			}
			return account, err
		}
	})...)
	h.feed(hello())
	m := decode[protocol.Welcome](t, h.one())
	if m.Features&protocol.FeatureLogin == 0 || (m.Features&protocol.FeatureNoAnonymous != 0) != (g.anonymous == nil) {
		t.Fatalf("WELCOME tells of the features %x", m.Features)
	}
	return h
}

// code returns what the only reply to some frames is.
func code(t *testing.T, h *harness, frames []byte) protocol.Code {
	t.Helper()
	return codeOf(t, h.exchange(frames))
}

func codeOf(t *testing.T, list []protocol.Frame) protocol.Code {
	t.Helper()
	if len(list) != 1 {
		t.Fatalf("%d replies instead of one: %v", len(list), names(list))
	}
	if list[0].Opcode != protocol.OpError {
		return 0
	}
	return decode[protocol.Error](t, list[0]).Code
}

func TestNothingBeforeALogin(t *testing.T) {
	var released int
	h := guarded(t, users(&released))
	h.write("file", "content")
	before := treeOf(t, h.root, true)
	for _, c := range permittedCases() {
		if c.needs == 0 {
			continue
		}
		if !refusedFor(t, h.exchange(c.frames), protocol.Auth) {
			t.Errorf("%s is not refused", c.name)
		}
		if c.op == protocol.OpPut {
			h.exchange(protocol.Append(nil, 1, protocol.Cancel{}))
		}
	}
	if after := treeOf(t, h.root, true); len(after) != len(before) {
		t.Errorf("the tree has changed: %v", after)
	}
	ping := h.exchange(protocol.Append(nil, 9, protocol.Ping{Position: uint64(h.in)}))
	if len(ping) != 1 || ping[0].Opcode != protocol.OpPong {
		t.Errorf("PING is answered with %v", names(ping))
	}
	if !h.session.(*session.Session).Idle() {
		t.Error("it is not idle while it waits for a login")
	}
	if c := code(t, h, authenticate()); c != 0 {
		t.Fatalf("AUTH is answered with %s", c)
	}
	final[protocol.Meta](h, protocol.Stat{Path: "file"})
	if c := code(t, h, authenticate()); c != protocol.Invalid {
		t.Errorf("a second AUTH: %s", c)
	}
}

func TestLoginInPlaceOfAnonymous(t *testing.T) {
	var released int
	g := users(&released)
	g.anonymous = &session.Account{Allow: session.List}
	h := guarded(t, g, func(c *session.Config) { g.anonymous.Storage = c.Storage })
	h.write("file", "content")
	remove := protocol.Append(nil, 1, protocol.Remove{Path: "file"})
	if c := code(t, h, remove); c != protocol.Permission {
		t.Errorf("without a login: %s", c)
	}
	if c := code(t, h, authenticate()); c != 0 {
		t.Fatalf("AUTH: %s", c)
	}
	if c := code(t, h, remove); c != 0 {
		t.Errorf("behind it: %s", c)
	}
}

func TestOneLoginAtATime(t *testing.T) {
	var released int
	g := users(&released)
	g.anonymous = &session.Account{Allow: session.Everything}
	h := guarded(t, g, func(c *session.Config) { g.anonymous.Storage = c.Storage })
	stat := func(id uint32) []byte { return protocol.Append(nil, id, protocol.Stat{}) }
	h.feed(join(stat(5), authenticate()))
	if c := codeOf(t, h.frames()); c != protocol.Invalid {
		t.Errorf("AUTH beside a request: %s", c)
	}
	h.run()
	h.frames()
	h.feed(join(authenticate(), stat(6), protocol.Append(nil, 7, protocol.Authenticate{Method: protocol.Password, User: "bob"})))
	var codes []protocol.Code
	for _, f := range h.frames() {
		codes = append(codes, decode[protocol.Error](t, f).Code)
	}
	if !slices.Equal(codes, []protocol.Code{protocol.Auth, protocol.Invalid}) {
		t.Errorf("a request and an AUTH beside an AUTH: %v", codes)
	}
	h.exchange(protocol.Append(nil, 1, protocol.Cancel{}))
	h.run()
	if c := code(t, h, stat(8)); c != 0 {
		t.Errorf("behind them: %s", c)
	}
}

// TestFailureIsDelayed: neither PING nor CANCEL brings the answer sooner.
func TestFailureIsDelayed(t *testing.T) {
	var released int
	var log bytes.Buffer
	h := guarded(t, users(&released), func(c *session.Config) { c.Logger = slog.New(slog.NewTextHandler(&log, nil)) })
	wrong := protocol.Append(nil, 1, protocol.Authenticate{Method: protocol.Password, User: "mal\u202eory", Credential: []byte("hunter2")})
	h.exchange(join(wrong, protocol.Append(nil, 1, protocol.Cancel{})))
	due := h.now.Add(2 * time.Second)
	if !h.deadline.Equal(due) {
		t.Errorf("the deadline is %v, not %v", h.deadline, due)
	}
	h.now = due.Add(-time.Nanosecond)
	h.session.Expire(h.now)
	if list := h.frames(); len(list) > 0 {
		t.Errorf("%v came too early", names(list))
	}
	h.now = due
	h.session.Expire(h.now)
	if c := codeOf(t, h.frames()); c != protocol.Auth {
		t.Errorf("the answer is %s", c)
	}
	if text := log.String(); !strings.Contains(text, `user="mal\u202eory"`) || !strings.Contains(text, "failures=3") || strings.Contains(text, "hunter2") {
		t.Errorf("the log says %s", text)
	}
	if c := code(t, h, authenticate()); c != 0 {
		t.Errorf("the next one, which is right: %s", c)
	}
}

// TestLoginTimeout counts from the start, whatever moves meanwhile.
func TestLoginTimeout(t *testing.T) {
	var released int
	h := guarded(t, users(&released), func(c *session.Config) { c.LoginTimeout = 30 * time.Second })
	end := h.now.Add(30 * time.Second)
	for h.now.Before(end) {
		h.exchange(protocol.Append(nil, 9, protocol.Ping{Position: uint64(h.in)}))
		h.exchange(protocol.Append(nil, 9, protocol.Stat{}))
		if !h.deadline.Equal(end) {
			t.Fatalf("the deadline is %v, not %v", h.deadline, end)
		}
		h.session.Expire(h.now)
		if h.finished != "" {
			t.Fatalf("closed at %v", h.now)
		}
		h.now = h.now.Add(10 * time.Second)
	}
	h.session.Expire(h.now)
	if c := codeOf(t, h.frames()); c != protocol.Auth || h.finished != "login timeout" {
		t.Errorf("%s, closed for %q", c, h.finished)
	}
}

// TestDelayEndsWithTheTimeout has a failure that would be told later than that.
func TestDelayEndsWithTheTimeout(t *testing.T) {
	var released int
	h := guarded(t, users(&released), func(c *session.Config) { c.LoginTimeout = time.Second })
	h.exchange(protocol.Append(nil, 1, protocol.Authenticate{Method: protocol.Password, User: "bob"}))
	h.now = h.deadline
	h.session.Expire(h.now)
	if h.finished != "login timeout" {
		t.Errorf("closed for %q at %v", h.finished, h.now)
	}
}

func TestMethodsOutsideTLS(t *testing.T) {
	key := protocol.Append(nil, 1, protocol.Authenticate{Method: protocol.PublicKey, User: "alice"})
	for _, c := range []struct {
		name          string
		frame         []byte
		secure, plain bool
		want          protocol.Code
	}{
		{"a password", authenticate(), false, false, protocol.Unsupported},
		{"a password that may", authenticate(), false, true, 0},
		{"a password inside", authenticate(), true, false, 0},
		{"a key", key, false, true, protocol.Unsupported},
	} {
		h := guardedPlain(t, c.plain)
		if c.secure {
			h.exporter = make([]byte, protocol.LoginExporterLen)
		}
		if got := code(t, h, c.frame); got != c.want {
			t.Errorf("%s: %s", c.name, got)
		}
	}
}

// guardedPlain is guarded with passwords taken outside TLS, or not.
func guardedPlain(t *testing.T, plain bool) *harness {
	t.Helper()
	var released int
	g := users(&released)
	h := newHarness(t, func(c *session.Config) { c.Gate, c.PlainPasswords = g, plain })
	h.greet()
	return h
}

// TestKeyHasTheExporter: the gate gets what binds a signature to the connection.
func TestKeyHasTheExporter(t *testing.T) {
	var seen session.Attempt
	g := &gate{login: func(a session.Attempt) (*session.Account, error) {
		seen = a
		seen.Credential = bytes.Clone(a.Credential)
		return nil, errors.New("no")
	}}
	h := newHarness(t, func(c *session.Config) { c.Gate = g })
	h.greet()
	h.exporter = []byte("exported")
	h.exchange(protocol.Append(nil, 1, protocol.Authenticate{Method: protocol.PublicKey, User: "a", Credential: []byte("key"), Signature: []byte("signature")}))
	if string(seen.Exporter) != "exported" || string(seen.Credential) != "key" || string(seen.Signature) != "signature" || seen.Peer != netip.MustParseAddr("192.0.2.1") || !seen.Now.Equal(h.now) {
		t.Errorf("%+v", seen)
	}
}

func TestRefusedAddress(t *testing.T) {
	asked := false
	g := &gate{admit: &protocol.RequestError{Code: protocol.Busy, Retry: true, Message: "later"}}
	g.login = func(session.Attempt) (*session.Account, error) { asked = true; return nil, errors.New("no") }
	h := newHarness(t, func(c *session.Config) { c.Gate, c.PlainPasswords = g, true })
	h.greet()
	if c := code(t, h, authenticate()); c != protocol.Busy || asked {
		t.Errorf("%s; the gate was asked: %t", c, asked)
	}
}

// TestRelease: an account is given back once, and after all that uses its storage.
func TestRelease(t *testing.T) {
	var released int
	h := guarded(t, users(&released))
	if c := code(t, h, authenticate()); c != 0 {
		t.Fatal(c)
	}
	h.feed(protocol.Append(nil, 5, protocol.Stat{}))
	h.session.Closed(h.now, "test")
	if len(h.jobs) != 1 {
		t.Fatalf("%d jobs", len(h.jobs))
	}
	if h.step(0); released != 0 || len(h.jobs) != 1 {
		t.Errorf("released %d times with %d jobs to go", released, len(h.jobs))
	}
	if h.step(0); released != 1 || len(h.jobs) != 0 {
		t.Errorf("released %d times with %d jobs to go", released, len(h.jobs))
	}
	h.closed = true
}

func TestRevoked(t *testing.T) {
	var released int
	var account *session.Account
	g := users(&released)
	inner := g.login
	g.login = func(a session.Attempt) (*session.Account, error) {
		var err error
		account, err = inner(a)
		return account, err
	}
	h := guarded(t, g)
	h.write("file", text(9*protocol.BlockSize))
	if c := code(t, h, authenticate()); c != 0 {
		t.Fatal(c)
	}
	h.blocked = true
	h.feed(protocol.Append(nil, 5, protocol.Get{Length: protocol.SizeUnknown, Path: "file"}))
	h.step(0)
	account.Revoke()
	for h.step(0) { // in the middle of a file
	}
	h.blocked = false
	list := h.frames()
	last := list[len(list)-1]
	if m := decode[protocol.Error](t, last); m.Code != protocol.Auth || last.Request != 0 || h.finished != "user revoked" {
		t.Errorf("ERROR %s of request %d, closed for %q", m.Code, last.Request, h.finished)
	}
}

// TestDrainBeforeALogin is a shutdown.
func TestDrainBeforeALogin(t *testing.T) {
	var released int
	h := guarded(t, users(&released))
	h.feed(authenticate())
	h.session.Drain(h.now)
	h.run()
	if list := names(h.frames()); !slices.Equal(list, []string{"GOAWAY", "ERROR shutting_down"}) || released != 1 || h.finished != "shutdown" {
		t.Errorf("%v, released %d, closed for %q", list, released, h.finished)
	}
}

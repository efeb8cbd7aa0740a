package session_test

import (
	"log/slog"
	"net/netip"
	"testing"
	"time"

	"ftpd/protocol"
	"ftpd/server/reactor"
	"ftpd/server/session"
)

// openGate lets in who names a permission, with it, and anyone without a name.
type openGate struct{ harness *harness }

func (g *openGate) Anonymous() *session.Account {
	return &session.Account{Storage: g.harness.store, Allow: session.Everything}
}

func (g *openGate) Admit(netip.Addr, time.Time) (int, error) { return 0, nil }

func (g *openGate) Login(a session.Attempt) (*session.Account, error) {
	allow, err := session.ParsePermissions(a.User)
	if err != nil {
		return nil, &session.LoginError{Answer: protocol.Errorf(protocol.Auth, "no")}
	}
	return &session.Account{Name: a.User, Storage: g.harness.store, Allow: allow, Buckets: []*reactor.Bucket{reactor.NewBucket(1, 1)}}, nil
}

// spared returns a harness whose session has a spare place.
func spared(t *testing.T) *harness {
	t.Helper()
	h := newHarness(t)
	h.session.Closed(h.now, "test") // the session that it came with
	gate := &openGate{h}
	h.session = session.NewFactory(session.Config{Gate: gate, Logger: slog.New(slog.DiscardHandler), PlainPasswords: true, LoginTimeout: -1, IdleTimeout: -1}).
		Session(reactor.Peer{Full: reactor.ServerFull, Spare: true})
	h.session.Open(h.now, h)
	welcome := decode[protocol.Welcome](t, request(h, 0, protocol.Hello{InFlight: 64, Agent: "tester"})[0])
	if welcome.Features&protocol.FeatureLogin == 0 || welcome.Features&protocol.FeatureNoAnonymous != 0 {
		t.Fatalf("WELCOME has features %x", welcome.Features)
	}
	return h
}

// loginAs is an AUTH of a user.
func loginAs(user string) protocol.Authenticate {
	return protocol.Authenticate{Method: protocol.Password, User: user, Credential: []byte("x")}
}

// TestSparePlace has connections come to a full server: an administrator enters, and
// nobody else does anything.
func TestSparePlace(t *testing.T) {
	busy := func(h *harness, answers []protocol.Frame) {
		t.Helper()
		if len(answers) == 0 {
			t.Fatal("no answer")
		}
		if m := decode[protocol.Error](t, answers[len(answers)-1]); m.Code != protocol.Busy || !m.Retry || h.finished != "too many clients" || h.admitted {
			t.Errorf("answered with %+v, closed for %q", m, h.finished)
		}
	}
	t.Run("administrator", func(t *testing.T) {
		h := spared(t)
		final[protocol.OK](h, loginAs("list,admin"))
		if !h.admitted || len(h.limits) != 1 {
			t.Errorf("admitted %t, with %d buckets", h.admitted, len(h.limits))
		}
		final[protocol.Meta](h, protocol.Stat{Path: "."})
		h.pass(time.Hour)
		if h.finished != "" || h.aborted != "" {
			t.Errorf("closed for %q%q", h.finished, h.aborted)
		}
	})
	t.Run("wrong at first", func(t *testing.T) {
		h := spared(t)
		if m := final[protocol.Error](h, loginAs("nonsense")); m.Code != protocol.Auth || h.finished != "" {
			t.Errorf("answered with %+v, closed for %q", m, h.finished)
		}
		final[protocol.OK](h, loginAs("admin"))
	})
	t.Run("user", func(t *testing.T) {
		h := spared(t)
		busy(h, request(h, 1, loginAs("read,write,list")))
	})
	t.Run("request", func(t *testing.T) {
		h := spared(t)
		final[protocol.Pong](h, protocol.Ping{Position: uint64(h.in)})
		busy(h, request(h, 1, protocol.Stat{Path: "."}))
	})
	t.Run("data", func(t *testing.T) {
		h := spared(t)
		busy(h, request(h, 1, protocol.Data{Digest: protocol.BlockDigest([]byte("x")), Bytes: []byte("x")}))
	})
	t.Run("nothing", func(t *testing.T) {
		h := spared(t)
		for range 40 { // a byte now and then does not help
			h.pass(time.Second)
			h.moved = h.now
		}
		busy(h, h.frames())
	})
}

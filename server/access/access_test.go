//go:build unix

package access

import (
	"bytes"
	"errors"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"ftpd/protocol"
	"ftpd/server/session"
	"ftpd/server/storage"
)

var (
	noon  = time.Unix(1_700_000_000, 0)
	peer  = netip.MustParseAddr("192.0.2.1")
	quiet = slog.New(slog.DiscardHandler)
)

// world is a gate and what its homes have seen.
type world struct {
	t        *testing.T
	gate     *Gate
	file     string
	opened   []string
	released int
	broken   error // of the homes
	hashed   []cost
}

func newWorld(t *testing.T, o Options, list ...User) *world {
	t.Helper()
	w := &world{t: t, file: filepath.Join(t.TempDir(), "users")}
	w.write(list...)
	o.File, o.Logger = w.file, quiet
	o.Home = func(u User) (storage.Storage, func(), error) {
		w.opened = append(w.opened, u.Home)
		return nil, func() { w.released++ }, w.broken
	}
	var err error
	if w.gate, err = New(o); err != nil {
		t.Fatal(err)
	}
	w.gate.derive = func(c cost, salt, password []byte, n int) []byte {
		w.hashed = append(w.hashed, c)
		return derive(c, salt, password, n)
	}
	return w
}

func (w *world) write(list ...User) {
	w.t.Helper()
	if err := ChangeUsers(w.file, func([]User) ([]User, error) { return list, nil }); err != nil {
		w.t.Fatal(err)
	}
}

// hash returns a password as the file has it, at a cost that tests can afford.
func hash(password string, c cost) string {
	salt := []byte("saltsaltsaltsalt")
	return phc{c, salt, derive(c, salt, []byte(password), keyLen)}.String()
}

func attempt(user, password string) session.Attempt {
	return session.Attempt{Peer: peer, Now: noon, Method: protocol.Password, User: user, Credential: []byte(password)}
}

func (w *world) enter(user, password string) *session.Account {
	w.t.Helper()
	account, err := w.gate.Login(attempt(user, password))
	if err != nil {
		w.t.Fatal(err)
	}
	return account
}

// answer returns what a client is told of a failure.
func answer(t *testing.T, err error) protocol.RequestError {
	t.Helper()
	if refused, ok := errors.AsType[*session.LoginError](err); ok {
		return *refused.Answer
	}
	if said, ok := errors.AsType[*protocol.RequestError](err); ok {
		return *said
	}
	t.Fatalf("%v is told to nobody", err)
	return protocol.RequestError{}
}

// TestNobodyLearnsOfUsers: whatever is wrong, the same work is done and the same said.
func TestNobodyLearnsOfUsers(t *testing.T) {
	strong := cost{memory: 20 << 10, passes: 2, threads: 1} // more than usual
	w := newWorld(t, Options{Failures: -1},
		User{Name: "alice", Password: hash("sesame", strong)},
		User{Name: "keyed", Keys: []string{edLine}},
	)
	want := protocol.RequestError{}
	for i, a := range []session.Attempt{
		attempt("alice", "wrong"), attempt("nobody", "wrong"), attempt("keyed", "wrong"), attempt("keyed", ""), attempt("alice", ""),
	} {
		w.hashed = nil
		a.Peer = netip.AddrFrom4([4]byte{192, 0, 2, byte(i)})
		_, err := w.gate.Login(a)
		got := answer(t, err)
		if i == 0 {
			want = got
		}
		if got != want || got.Code != protocol.Auth || got.Retry {
			t.Errorf("%s: %+v", a.User, got)
		}
		if len(w.hashed) != 1 || w.hashed[0] != strong {
			t.Errorf("%s: the work was %v", a.User, w.hashed)
		}
		if refused, _ := errors.AsType[*session.LoginError](err); refused.Delay != firstDelay || refused.Failures != 1 {
			t.Errorf("%s: %+v", a.User, refused)
		}
	}
	ed := signerOf(edKey)
	exporter := make([]byte, protocol.LoginExporterLen)
	for _, user := range []string{"alice", "nobody", "keyed"} {
		a := session.Attempt{Peer: peer, Now: noon, Method: protocol.PublicKey, User: user, Exporter: exporter,
			Credential: ed.PublicKey().Marshal(), Signature: signature(t, ed, "ssh-ed25519", exporter, "somebody else")}
		if _, err := w.gate.Login(a); answer(t, err) != want {
			t.Errorf("%s with a key: %v", user, err)
		}
	}
}

func TestLogin(t *testing.T) {
	w := newWorld(t, Options{},
		User{Name: "alice", Home: "a", Allow: session.Read, RateUp: 5000, Password: hash("sesame", least)},
		User{Name: "keyed", Allow: session.List, Keys: []string{edLine}},
	)
	alice := w.enter("alice", "sesame")
	if alice.Name != "alice" || alice.Allow != session.Read || len(alice.Buckets) != 1 || w.opened[0] != "a" {
		t.Errorf("%+v", alice)
	}
	if again := w.enter("alice", "sesame"); again.Buckets[0] != alice.Buckets[0] {
		t.Error("two connections of a user have a bucket each")
	}
	alice.Release()
	if w.released != 1 {
		t.Errorf("%d homes released", w.released)
	}
	ed := signerOf(edKey)
	exporter := bytes.Repeat([]byte{9}, protocol.LoginExporterLen)
	a := session.Attempt{Peer: peer, Now: noon, Method: protocol.PublicKey, User: "keyed", Exporter: exporter,
		Credential: ed.PublicKey().Marshal(), Signature: signature(t, ed, "ssh-ed25519", exporter, "keyed")}
	account, err := w.gate.Login(a)
	if err != nil || account.Name != "keyed" || account.Allow != session.List || len(account.Buckets) != 0 {
		t.Fatalf("%+v, %v", account, err)
	}
	a.Exporter = make([]byte, protocol.LoginExporterLen)
	if _, err := w.gate.Login(a); answer(t, err).Code != protocol.Auth {
		t.Errorf("replayed on another connection: %v", err)
	}
}

func TestConnectionsOfAUser(t *testing.T) {
	w := newWorld(t, Options{}, User{Name: "alice", Connections: 2, Password: hash("sesame", least)})
	first := w.enter("alice", "sesame")
	w.enter("alice", "sesame")
	if _, err := w.gate.Login(attempt("alice", "sesame")); answer(t, err).Code != protocol.Busy || !answer(t, err).Retry {
		t.Errorf("the third: %v", err)
	}
	if _, err := w.gate.Login(attempt("alice", "wrong")); answer(t, err).Code != protocol.Auth {
		t.Errorf("a wrong password learns of it: %v", err)
	}
	first.Release()
	w.broken = errors.New("no disk")
	if _, err := w.gate.Login(attempt("alice", "sesame")); !errors.Is(err, w.broken) {
		t.Errorf("without a home: %v", err)
	}
	w.broken = nil
	w.enter("alice", "sesame") // whoever found no home takes no place
}

func TestReload(t *testing.T) {
	password := hash("sesame", least)
	w := newWorld(t, Options{},
		User{Name: "stays", Password: password, Keys: []string{edLine}},
		User{Name: "goes", Password: password},
		User{Name: "changes", Password: password, Allow: session.Everything},
	)
	stays, goes, changes := w.enter("stays", "sesame"), w.enter("goes", "sesame"), w.enter("changes", "sesame")
	w.write(User{Name: "changes", Password: password, Allow: session.Read}, User{Name: "stays", Password: password, Keys: []string{edLine}})
	if err := w.gate.Reload(); err != nil {
		t.Fatal(err)
	}
	if stays.Revoked() || !goes.Revoked() || !changes.Revoked() {
		t.Errorf("revoked: %t, %t, %t", stays.Revoked(), goes.Revoked(), changes.Revoked())
	}
	if _, err := w.gate.Login(attempt("goes", "sesame")); answer(t, err).Code != protocol.Auth {
		t.Errorf("who is gone: %v", err)
	}
	if w.enter("changes", "sesame").Allow != session.Read {
		t.Error("who has changed has the old permissions")
	}
	goes.Release() // the user is not there any more
	w.write(User{Name: "stays", Password: password, Keys: []string{edLine}})
	if err := os.WriteFile(w.file, []byte("{"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := w.gate.Reload(); err == nil || !strings.Contains(err.Error(), "line 1") {
		t.Errorf("a broken file: %v", err)
	}
	w.enter("changes", "sesame")
	if stays.Revoked() {
		t.Error("a broken file logs people out")
	}
}

func TestAddressesThatFail(t *testing.T) {
	w := newWorld(t, Options{Failures: 4, Ban: time.Minute}, User{Name: "alice", Password: hash("sesame", least)})
	var delays []time.Duration
	for range 4 {
		if err := w.gate.Admit(peer, noon); err != nil {
			t.Fatal(err)
		}
		_, err := w.gate.Login(attempt("alice", "wrong"))
		refused, _ := errors.AsType[*session.LoginError](err)
		delays = append(delays, refused.Delay)
	}
	for i, d := range delays {
		if d != firstDelay<<i {
			t.Errorf("the delays are %v", delays)
			break
		}
	}
	err := w.gate.Admit(peer, noon.Add(59*time.Second))
	if said := answer(t, err); said.Code != protocol.Busy || said.Retry || !strings.Contains(said.Message, "in 1s") {
		t.Errorf("%+v", said)
	}
	if err := w.gate.Admit(netip.MustParseAddr("192.0.2.2"), noon); err != nil {
		t.Errorf("another address: %v", err)
	}
	if err := w.gate.Admit(peer, noon.Add(time.Minute)); err != nil {
		t.Errorf("after a minute: %v", err)
	}
}

func TestFailures(t *testing.T) {
	a := netip.MustParseAddr
	for _, c := range []struct{ first, second string }{
		{"2001:db8:0:1::1", "2001:db8:0:1:ffff::2"}, {"::ffff:192.0.2.7", "192.0.2.7"}, {"fe80::1%eth0", "fe80::1%eth1"},
	} {
		if site(a(c.first)) != site(a(c.second)) {
			t.Errorf("%s and %s are two", c.first, c.second)
		}
	}
	if site(a("2001:db8:0:1::1")) == site(a("2001:db8:0:2::1")) || site(a("192.0.2.7")) == site(a("192.0.2.8")) {
		t.Error("two networks are one")
	}
	f := newFailures(2, time.Minute)
	f.add(peer, noon)
	if f.add(peer, noon); f.refused(peer, noon) != time.Minute {
		t.Error("not refused")
	}
	for i := range maxAddresses { // one more than there is room for
		address := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		f.add(address, noon)
	}
	if len(f.known) != maxAddresses || f.order.Len() != maxAddresses || f.refused(peer, noon) != 0 {
		t.Errorf("%d addresses are known, %d in order", len(f.known), f.order.Len())
	}
	for range 100 {
		if _, delay := f.add(peer, noon); delay > maxDelay {
			t.Fatalf("a delay of %v", delay)
		}
	}
}

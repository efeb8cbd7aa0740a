//go:build unix

package access

import (
	"bytes"
	"crypto/ed25519"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"golang.org/x/crypto/ssh"

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
	account, err := w.open(attempt(user, password))
	if err != nil {
		w.t.Fatal(err)
	}
	return account
}

// open logs in and opens the home, as a session does.
func (w *world) open(a session.Attempt) (*session.Account, error) {
	account, err := w.gate.Login(a)
	if err != nil {
		return nil, err
	}
	if err := account.Open(); err != nil {
		account.Release()
		return nil, err
	}
	return account, nil
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

// TestNobodyLearnsOfUsers: whatever is wrong, the same work is done and the same said, also
// where entries are of different costs.
func TestNobodyLearnsOfUsers(t *testing.T) {
	strong, wide := cost{memory: 20 << 10, passes: 2, threads: 1}, cost{memory: 8 << 10, passes: 1, threads: 2}
	work := []cost{least, wide, strong}
	w := newWorld(t, Options{Failures: -1},
		User{Name: "alice", Password: hash("sesame", strong)},
		User{Name: "old", Password: hash("sesame", least)},
		User{Name: "wide", Password: hash("sesame", wide)},
		User{Name: "keyed", Keys: []string{edLine}},
	)
	want := protocol.RequestError{}
	for i, a := range []session.Attempt{
		attempt("alice", "wrong"), attempt("old", "wrong"), attempt("wide", "wrong"), attempt("nobody", "wrong"),
		attempt("keyed", "wrong"), attempt("keyed", ""), attempt("alice", ""), attempt("old", ""), attempt("nobody", ""),
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
		if !slices.Equal(w.hashed, work) {
			t.Errorf("%s: the work was %v", a.User, w.hashed)
		}
		if refused, _ := errors.AsType[*session.LoginError](err); refused.Delay != firstDelay || refused.Failures != 1 {
			t.Errorf("%s: %+v", a.User, refused)
		}
	}
	for _, user := range []string{"alice", "old", "wide"} {
		w.hashed = nil
		if w.enter(user, "sesame"); !slices.Equal(w.hashed, work) {
			t.Errorf("%s with the right password: the work was %v", user, w.hashed)
		}
	}
}

// TestNobodyLearnsOfKeys: the signature is verified once, whoever is named and whoever has
// the key, and all are told the same.
func TestNobodyLearnsOfKeys(t *testing.T) {
	w := newWorld(t, Options{Failures: -1},
		User{Name: "alice", Password: hash("sesame", least)},
		User{Name: "keyed", Keys: []string{edLine}},
	)
	verified := 0
	w.gate.signed = func(exporter []byte, user string, key, signature []byte) bool {
		verified++
		return signed(exporter, user, key, signature)
	}
	own, foreign := signerOf(edKey), signerOf(ed25519.NewKeyFromSeed(make([]byte, ed25519.SeedSize)))
	exporter := make([]byte, protocol.LoginExporterLen)
	for _, c := range []struct {
		user   string
		signer ssh.Signer
		proven bool
	}{
		{"alice", foreign, true}, {"keyed", foreign, true}, {"nobody", foreign, true}, {"alice", own, true}, {"nobody", own, true},
		{"alice", foreign, false}, {"keyed", foreign, false}, {"nobody", foreign, false}, {"keyed", own, false},
	} {
		signedFor := c.user
		if !c.proven {
			signedFor = "somebody else"
		}
		verified = 0
		_, err := w.gate.Login(session.Attempt{Peer: peer, Now: noon, Method: protocol.PublicKey,
			User: c.user, Exporter: exporter, Credential: c.signer.PublicKey().Marshal(),
			Signature: signature(t, c.signer, ssh.KeyAlgoED25519, exporter, signedFor)})
		got, ok := errors.AsType[*session.LoginError](err)
		if !ok || verified != 1 {
			t.Fatalf("%+v: %v, verified %d times", c, err, verified)
		}
		if (got.Delay > 0) == c.proven || got.Answer != errLogin {
			t.Errorf("%+v: %+v", c, got)
		}
		w.gate.failures = newFailures(0, time.Minute)
	}
}

func TestTooManyCosts(t *testing.T) {
	users := make([]User, maxCosts+1)
	for i := range users {
		c := cost{memory: least.memory + uint32(i), passes: 1, threads: 1}
		users[i] = User{Name: fmt.Sprintf("user%d", i), Password: phc{c, make([]byte, saltLen), make([]byte, keyLen)}.String()}
	}
	w := newWorld(t, Options{}, users[1:]...)
	w.write(users...)
	if err := w.gate.Reload(); err == nil || !strings.Contains(err.Error(), "different costs") {
		t.Errorf("%v", err)
	}
	if len(w.gate.costs) != maxCosts {
		t.Errorf("%d costs are left", len(w.gate.costs))
	}
}

// TestRefusedMeanwhile has a login decided that waited while others of its address failed.
func TestRefusedMeanwhile(t *testing.T) {
	w := newWorld(t, Options{Failures: 1}, User{Name: "alice", Password: hash("sesame", least)})
	if _, err := w.gate.Login(attempt("alice", "wrong")); answer(t, err).Code != protocol.Auth {
		t.Fatal(err)
	}
	w.hashed = nil
	if _, err := w.gate.Login(attempt("alice", "sesame")); answer(t, err).Code != protocol.Busy || len(w.hashed) > 0 {
		t.Errorf("%v, after the work %v", err, w.hashed)
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
	if _, err := w.open(attempt("alice", "sesame")); !errors.Is(err, w.broken) {
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
		if _, err := w.gate.Admit(peer, noon); err != nil {
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
	count, err := w.gate.Admit(peer, noon.Add(59*time.Second))
	if said := answer(t, err); said.Code != protocol.Busy || said.Retry || !strings.Contains(said.Message, "in 1s") || count != 4 {
		t.Errorf("%+v", said)
	}
	if _, err := w.gate.Admit(netip.MustParseAddr("192.0.2.2"), noon); err != nil {
		t.Errorf("another address: %v", err)
	}
	if _, err := w.gate.Admit(peer, noon.Add(time.Minute)); err != nil {
		t.Errorf("after a minute: %v", err)
	}
}

// refusedFor returns for how long an address is refused.
func refusedFor(f *failures, a netip.Addr) time.Duration {
	_, refused := f.of(a, noon)
	return refused
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
	if f.add(peer, noon); refusedFor(f, peer) != time.Minute {
		t.Error("not refused")
	}
	for i := range maxAddresses { // one more than there is room for
		address := netip.AddrFrom4([4]byte{10, byte(i >> 16), byte(i >> 8), byte(i)})
		f.add(address, noon)
	}
	if len(f.known) != maxAddresses || f.order.Len() != maxAddresses || refusedFor(f, peer) != 0 {
		t.Errorf("%d addresses are known, %d in order", len(f.known), f.order.Len())
	}
	for range 100 {
		if _, delay := f.add(peer, noon); delay > maxDelay {
			t.Fatalf("a delay of %v", delay)
		}
	}
}

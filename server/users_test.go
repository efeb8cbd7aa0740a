//go:build unix

package server

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"

	"ftpd/client"
	"ftpd/protocol"
	"ftpd/server/access"
	"ftpd/server/identity"
	"ftpd/server/session"
	"ftpd/server/storage/homes"
)

// population is a users file that "ftpd user" has made.
type population struct {
	t    testing.TB
	dir  string
	file string
}

func populate(t testing.TB) *population {
	t.Helper()
	dir := t.TempDir()
	return &population{t, dir, filepath.Join(dir, "users")}
}

// user runs "ftpd user" and returns what it printed.
func (p *population) user(args ...string) (string, error) {
	p.t.Helper()
	out, err := exec.Command(ftpd, append([]string{"user", "--users", p.file}, args...)...).CombinedOutput()
	return string(out), err
}

func (p *population) must(args ...string) {
	p.t.Helper()
	if out, err := p.user(args...); err != nil {
		p.t.Fatalf("ftpd user %q: %v\n%s", args, err, out)
	}
}

// add adds a user with a password.
func (p *population) add(name, password string, flags ...string) {
	p.t.Helper()
	p.must(append([]string{"add", name, "--password-file", p.secret(password)}, flags...)...)
}

// secret returns a file with a password.
func (p *population) secret(password string) string {
	p.t.Helper()
	file := filepath.Join(p.dir, "secret")
	if err := os.WriteFile(file, []byte(password+"\n"), 0o600); err != nil {
		p.t.Fatal(err)
	}
	return file
}

// as logs in; it fails with what the server says.
func as(t testing.TB, d *daemon, user, password string) (*client.Client, error) {
	t.Helper()
	c, err := client.Dial(t.Context(), d.address, dialing(client.Options{Login: credentials(user, password)}))
	if err == nil {
		t.Cleanup(func() { _ = c.Close() })
	}
	return c, err
}

func mustAs(t testing.TB, d *daemon, user, password string) *client.Client {
	t.Helper()
	c, err := as(t, d, user, password)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// credentials is a Login with a password.
func credentials(user, password string) *client.Login {
	return &client.Login{User: user, Password: func(context.Context) ([]byte, error) { return []byte(password), nil }}
}

// talker speaks the protocol by hand, and reads what the server answers.
type talker struct {
	t       *testing.T
	conn    net.Conn
	decoder protocol.Decoder
}

func talk(t *testing.T, conn net.Conn) *talker {
	c := &talker{t: t, conn: conn, decoder: protocol.NewDecoder(protocol.Server)}
	c.decoder.Attach(make([]byte, protocol.ControlBuffer))
	return c
}

// ask sends a message and returns the next frame.
func ask[M protocol.Message](c *talker, id uint32, m M) protocol.Frame {
	c.t.Helper()
	if _, err := c.conn.Write(protocol.Append(nil, id, m)); err != nil {
		c.t.Fatal(err)
	}
	return c.next()
}

func (c *talker) next() protocol.Frame {
	c.t.Helper()
	for {
		f, ok, err := c.decoder.Next()
		if err != nil {
			c.t.Fatal(err)
		}
		if ok {
			f.Payload = bytes.Clone(f.Payload)
			return f
		}
		n, err := c.conn.Read(c.decoder.Space())
		if err != nil {
			c.t.Fatal(err)
		}
		c.decoder.Advance(n)
	}
}

func decoded[M any, P protocol.Decodable[M]](t testing.TB, f protocol.Frame) M {
	t.Helper()
	m, err := protocol.Decode[M, P](f)
	if err != nil {
		t.Fatal(err)
	}
	return m
}

// waitForLog waits for a line of the log.
func (d *daemon) waitForLog(text string) {
	d.t.Helper()
	eventually(d.t, text, func() bool { return strings.Contains(d.log.String(), text) })
}

func TestUsersOfARealServer(t *testing.T) {
	root, p := t.TempDir(), populate(t)
	p.add("alice", "sesame", "--home", "homes/alice")
	p.add("reader", "look", "--allow", "read,list")
	p.add("box", "drop", "--allow", "write", "--home", "box")
	d := run(t, root, "--users", p.file, "--log-level", "debug")

	alice := mustAs(t, d, "alice", "sesame")
	put(t, alice, "mine/file", "hers")
	if content, err := os.ReadFile(filepath.Join(root, "homes/alice/mine/file")); err != nil || string(content) != "hers" {
		t.Errorf("%q, %v", content, err)
	}
	if _, err := alice.Stat(t.Context(), "../../secret"); !errors.Is(err, client.ErrInvalid) {
		t.Errorf("outside her home: %v", err)
	}
	reader := mustAs(t, d, "reader", "look")
	if got := get(t, reader, "homes/alice/mine/file"); got != "hers" {
		t.Errorf("reader got %q", got)
	}
	for what, err := range map[string]error{
		"put":    errorOf(reader.Put(t.Context(), "x", strings.NewReader("x"), nil)),
		"remove": errorOf(reader.RemoveAll(t.Context(), "homes")),
	} {
		if !errors.Is(err, client.ErrPermission) {
			t.Errorf("%s: %v", what, err)
		}
	}
	box := mustAs(t, d, "box", "drop")
	put(t, box, "once", "first")
	if _, err := box.Put(t.Context(), "once", strings.NewReader("second"), nil); !errors.Is(err, client.ErrPermission) {
		t.Errorf("a drop box replaces files: %v", err)
	}
	for _, c := range []struct{ user, password string }{{"alice", "Sesame"}, {"nobody", "sesame"}, {"alice", ""}} {
		if _, err := as(t, d, c.user, c.password); !errors.Is(err, client.ErrAuth) {
			t.Errorf("%s with %q: %v", c.user, c.password, err)
		}
	}
	c := dial(t, d.address)
	if _, err := c.Stat(t.Context(), ""); !errors.Is(err, client.ErrAuth) {
		t.Errorf("without a login: %v", err)
	}
	d.waitForLog("user=alice")
	for _, secret := range []string{"sesame", "Sesame", "look", "drop", "argon2"} {
		if strings.Contains(strings.ReplaceAll(d.log.String(), "box", ""), secret) {
			t.Errorf("the log has the secret %q", secret)
		}
	}
}

func errorOf[T any](_ T, err error) error { return err }

func TestAnonymousFlag(t *testing.T) {
	p := populate(t)
	p.add("alice", "sesame")
	for _, c := range []struct {
		flags     []string
		get, put  bool
		withUsers bool
	}{
		{nil, true, true, false},
		{[]string{"--anonymous", "rw"}, true, true, false},
		{[]string{"--anonymous", "ro"}, true, false, false},
		{[]string{"--users", p.file}, false, false, true},
		{[]string{"--users", p.file, "--anonymous", "off"}, false, false, true},
		{[]string{"--users", p.file, "--anonymous", "ro"}, true, false, true},
		{[]string{"--users", p.file, "--anonymous", "rw"}, true, true, true},
	} {
		root := t.TempDir()
		if err := os.WriteFile(filepath.Join(root, "file"), nil, 0o600); err != nil {
			t.Fatal(err)
		}
		d := run(t, root, c.flags...)
		anonymous := dial(t, d.address)
		_, err := anonymous.Stat(t.Context(), "file")
		if (err == nil) != c.get {
			t.Errorf("%q: stat: %v", c.flags, err)
		}
		_, err = anonymous.Put(t.Context(), "file", strings.NewReader("x"), nil)
		if (err == nil) != c.put {
			t.Errorf("%q: put: %v", c.flags, err)
		}
		alice, err := as(t, d, "alice", "sesame")
		if c.withUsers {
			if err == nil {
				put(t, alice, "file", "y")
			} else {
				t.Errorf("%q: %v", c.flags, err)
			}
		} else if !errors.Is(err, client.ErrUnsupported) {
			t.Errorf("%q: a login where there are no users: %v", c.flags, err)
		}
	}
}

func TestReloadOfUsers(t *testing.T) {
	root, p := t.TempDir(), populate(t)
	p.add("stays", "a")
	p.add("goes", "b")
	p.add("changes", "c")
	d := run(t, root, "--users", p.file)
	stays, goes, changes := mustAs(t, d, "stays", "a"), mustAs(t, d, "goes", "b"), mustAs(t, d, "changes", "c")
	p.must("del", "goes")
	p.must("set", "changes", "--allow", "list")
	p.add("comes", "d")
	d.signal(syscall.SIGHUP)
	eventually(t, "the new user", func() bool { return strings.Count(d.log.String(), "users loaded") == 2 })
	mustAs(t, d, "comes", "d")
	put(t, stays, "x", "x")
	for name, c := range map[string]*client.Client{"goes": goes, "changes": changes} {
		if _, err := c.Put(t.Context(), "x", strings.NewReader("y"), nil); !errors.Is(err, client.ErrAuth) {
			t.Errorf("%s goes on: %v", name, err)
		}
	}
	if _, err := as(t, d, "goes", "b"); !errors.Is(err, client.ErrAuth) {
		t.Errorf("who is gone logs in: %v", err)
	}
	if err := os.Chmod(p.file, 0o644); err != nil {
		t.Fatal(err)
	}
	d.signal(syscall.SIGHUP)
	d.waitForLog("stays as it was")
	put(t, stays, "x", "z")
	mustAs(t, d, "comes", "d")
}

// TestRawLogin has frames that the library does not send.
func TestRawLogin(t *testing.T) {
	needsPlain(t)
	p := populate(t)
	p.add("alice", "sesame", "--connections", "1")
	d := run(t, t.TempDir(), "--users", p.file, "--login-failures", "3")
	c := talk(t, dialRaw(t, d.address).conn)
	if m := decoded[protocol.Welcome](t, c.next()); m.Features&(protocol.FeatureLogin|protocol.FeatureNoAnonymous) != protocol.FeatureLogin|protocol.FeatureNoAnonymous {
		t.Errorf("features %x", m.Features)
	}
	answers := map[string]bool{}
	for i, user := range []string{"alice", "nobody"} {
		f := ask(c, uint32(i+1), protocol.Authenticate{Method: protocol.Password, User: user, Credential: []byte("wrong")})
		answers[string(f.Payload)] = true
	}
	if len(answers) != 1 {
		t.Errorf("an unknown user and a wrong password are answered differently: %v", answers)
	}
	if m := decoded[protocol.Error](t, ask(c, 3, protocol.Authenticate{Method: protocol.PublicKey, User: "alice"})); m.Code != protocol.Unsupported {
		t.Errorf("a key outside TLS: %+v", m)
	}
	if f := ask(c, 4, protocol.Authenticate{Method: protocol.Password, User: "alice", Credential: []byte("sesame")}); f.Opcode != protocol.OpOK {
		t.Fatalf("%s", f.Opcode)
	}
	if _, err := as(t, d, "alice", "sesame"); !errors.Is(err, client.ErrBusy) {
		t.Errorf("a second connection: %v", err)
	}
	if _, err := as(t, d, "alice", "wrong"); !errors.Is(err, client.ErrAuth) {
		t.Errorf("a third failure: %v", err)
	}
	if _, err := as(t, d, "nobody", "x"); !errors.Is(err, client.ErrBusy) {
		t.Errorf("an address that has failed three times: %v", err)
	}
	if f := ask(c, 5, protocol.Stat{}); f.Opcode != protocol.OpMeta {
		t.Errorf("who is inside is disturbed: %s", f.Opcode)
	}
	d.waitForLog("address refused")
}

// TestUsersAtOnce has many "ftpd user" lose none.
func TestUsersAtOnce(t *testing.T) {
	p := populate(t)
	secret := p.secret("x")
	var group sync.WaitGroup
	const count = 12
	for i := range count {
		group.Go(func() {
			if out, err := p.user("add", fmt.Sprintf("user%d", i), "--password-file", secret); err != nil {
				t.Errorf("%v: %s", err, out)
			}
		})
	}
	group.Wait()
	if users, err := access.ReadUsers(p.file); err != nil || len(users) != count {
		t.Errorf("%d users, %v", len(users), err)
	}
}

// TestSecretsAreNotServed: neither the users nor the key of the server.
func TestSecretsAreNotServed(t *testing.T) {
	p := populate(t)
	p.add("alice", "sesame")
	id, err := identity.Own(filepath.Join(p.dir, "state"))
	if err != nil {
		t.Fatal(err)
	}
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(p.dir, link); err != nil {
		t.Fatal(err)
	}
	for name, config := range map[string]Config{
		"users":              {Root: p.dir, Users: p.file},
		"users by a link":    {Root: link, Users: p.file},
		"users behind a dot": {Root: p.dir, Users: filepath.Join(p.dir, "state", "..", "users")},
		"key":                {Root: p.dir, Identity: id},
	} {
		config.Logger = quiet
		if _, err := New(config); !errors.Is(err, ErrServed) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// TestQuotasThatCannotBeKept are refused: what one user changes in a home would not count
// for the other.
func TestQuotasThatCannotBeKept(t *testing.T) {
	p := populate(t)
	p.add("alice", "sesame", "--home", "a", "--quota", "1M")
	secret := p.secret("sesame")
	for name, args := range map[string][]string{
		"around it":     {"add", "bob", "--password-file", secret},
		"another quota": {"add", "bob", "--home", "a", "--quota", "2M", "--password-file", secret},
		"inside it":     {"add", "bob", "--home", "a/b", "--password-file", secret},
	} {
		if out, err := p.user(args...); err == nil || !strings.Contains(out, "quota") {
			t.Errorf("%s: %v: %s", name, err, out)
		}
	}
	p.must("add", "bob", "--allow", "read,list", "--password-file", secret) // who changes nothing may see all
	if _, err := New(Config{Root: t.TempDir(), Users: p.file, Anonymous: AnonymousReadWrite, Logger: quiet}); !errors.Is(err, homes.ErrNested) {
		t.Errorf("where anybody may change the root: %v", err)
	}
}

func TestUserCommand(t *testing.T) {
	p := populate(t)
	p.add("alice", "sesame", "--home", "a", "--quota", "10G", "--quota-files", "7", "--connections", "2", "--rate-up", "1M", "--rate-down", "2M", "--allow", "read,admin")
	key := filepath.Join(p.dir, "key.pub")
	line := "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOpKbTFR5gbzvPFmoQXDUSdVSDHpnCqnkK+xnJSgUWqC alice"
	if err := os.WriteFile(key, []byte("# mine\n\n"+line+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.must("set", "alice", "--key", key, "--quota", "0")
	users, err := access.ReadUsers(p.file)
	if err != nil || len(users) != 1 {
		t.Fatalf("%v, %v", users, err)
	}
	u := users[0]
	if u.Home != "a" || u.QuotaBytes != 0 || u.QuotaFiles != 7 || u.Connections != 2 || u.RateUp != 1e6 || u.RateDown != 2e6 ||
		u.Allow != session.Read|session.Admin || len(u.Keys) != 1 || u.Keys[0] != line || !strings.HasPrefix(u.Password, "$argon2id$") {
		t.Errorf("%+v", u)
	}
	out, err := p.user("list", "--json")
	if err != nil || strings.Contains(out, "argon2id") || !strings.Contains(out, `"password":true`) || !strings.Contains(out, "SHA256:") {
		t.Errorf("%v: %s", err, out)
	}
	if out, err = p.user("list"); err != nil || !strings.Contains(out, "read,admin") || strings.Contains(out, "argon2id") {
		t.Errorf("%v: %s", err, out)
	}
	p.must("set", "alice", "--no-keys")
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"add", "alice"}, "already"},
		{[]string{"add", "bob"}, "no terminal"},
		{[]string{"add", "a\nb", "--key", key}, "no name of a user"},
		{[]string{"add"}, "one user is to be named"},
		{[]string{"add", "bob", "--key", p.file}, "line 1"},
		{[]string{"add", "bob", "--key", "nowhere"}, "nowhere"},
		{[]string{"add", "bob", "--home", "../x", "--key", key}, "home"},
		{[]string{"add", "bob", "--quota", "many", "--key", key}, "--quota"},
		{[]string{"add", "bob", "--allow", "fly", "--key", key}, "--allow"},
		{[]string{"add", "bob", "--rate-up", "1", "--key", key}, "--rate-up"},
		{[]string{"set", "carol", "--quota", "1M"}, "no user"},
		{[]string{"passwd", "carol", "--password-file", p.secret("x")}, "no user"},
		{[]string{"del", "carol"}, "no user"},
		{[]string{"fly"}, "unknown command"},
	} {
		if out, err := p.user(c.args...); err == nil || !strings.Contains(out, c.says) {
			t.Errorf("ftpd user %q: %v: %s", c.args, err, out)
		}
	}
	out, err = (&population{t: t, file: filepath.Join(p.dir, "none")}).user("del", "alice")
	if _, made := os.Stat(filepath.Join(p.dir, "none")); err == nil || made == nil {
		t.Errorf("a file that is not there: %v, %s", err, out)
	}
}

func TestServerWithoutUsableUsers(t *testing.T) {
	p := populate(t)
	p.add("alice", "x")
	if err := os.Chmod(p.file, 0o640); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args []string
		says string
	}{
		{[]string{"--users", p.file}, "chmod 600"},
		{[]string{"--users", filepath.Join(p.dir, "none")}, "none"},
		{[]string{"--anonymous", "off"}, "without users"},
		{[]string{"--anonymous", "perhaps"}, "perhaps"},
	} {
		out, err := exec.Command(ftpd, append([]string{"--root", t.TempDir(), "--listen", "127.0.0.1:0"}, c.args...)...).CombinedOutput()
		if err == nil || !strings.Contains(string(out), c.says) {
			t.Errorf("%q: %v: %s", c.args, err, out)
		}
	}
}

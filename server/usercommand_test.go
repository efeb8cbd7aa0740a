//go:build unix

package server

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestUserWithoutSecrets: taking the last key or the password away is done, and said.
func TestUserWithoutSecrets(t *testing.T) {
	p := populate(t)
	key := filepath.Join(p.dir, "key.pub")
	line := "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOpKbTFR5gbzvPFmoQXDUSdVSDHpnCqnkK+xnJSgUWqC alice"
	if err := os.WriteFile(key, []byte(line+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	p.add("alice", "sesame", "--key", key)
	const warning = "neither a password nor a key"
	for _, c := range []struct {
		args  []string
		warns bool
	}{
		{[]string{"set", "alice", "--no-password"}, false},
		{[]string{"set", "alice", "--no-keys"}, true},
		{[]string{"set", "alice", "--quota", "5M"}, true},
		{[]string{"set", "alice", "--key", key}, false},
	} {
		out, err := p.user(c.args...)
		if err != nil || strings.Contains(out, warning) != c.warns || strings.Contains(out, "hint: ") != c.warns {
			t.Errorf("ftpd user %q: %v: %q", c.args, err, out)
		}
	}
}

// TestNewcomers: what somebody gets wrong at first is named with what to do about it.
func TestNewcomers(t *testing.T) {
	p := populate(t)
	p.add("alice", "sesame")
	private := filepath.Join(p.dir, "key")
	if err := os.WriteFile(private, []byte("-----BEGIN OPENSSH PRIVATE KEY-----\nAAAA\n-----END OPENSSH PRIVATE KEY-----\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	missing := filepath.Join(p.dir, "missing")
	const makes = "hint: \"ftpd user add NAME --users FILE\" makes it"
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"user", "add", "bob", "--users", p.file, "--key", private}, "key: it is a private key, which stays with its user\nhint: name the public one"},
		{[]string{"user", "set", "alice", "--users", p.file}, "no flag says what to change\nhint: "},
		{[]string{"user", "list", "--users", missing}, makes},
		{[]string{"user", "set", "bob", "--users", missing, "--quota", "1M"}, makes},
		{[]string{"--listen", "127.0.0.1:0", "--root", p.dir, "--users", missing}, makes},
		{[]string{"--listen", "127.0.0.1:0", "--root", missing}, "hint: make it first, or name another with --root DIR"},
	} {
		out, err := exec.CommandContext(t.Context(), ftpd, c.args...).CombinedOutput()
		if err == nil || !strings.Contains(string(out), c.want) {
			t.Errorf("%q: %v: %s", c.args, err, out)
		}
	}
}

// TestPasswordFileOfOthers: what others can read is no secret.
func TestPasswordFileOfOthers(t *testing.T) {
	p := populate(t)
	p.add("alice", "sesame")
	file := p.secret("sesame")
	if err := os.Chmod(file, 0o640); err != nil {
		t.Fatal(err)
	}
	for _, args := range [][]string{{"add", "bob"}, {"passwd", "alice"}} {
		out, err := p.user(append(args, "--password-file", file)...)
		if err == nil || !strings.Contains(out, "others than its owner may read it (mode 0640)\nhint: chmod go= "+file) {
			t.Errorf("%q: %v: %s", args, err, out)
		}
	}
}

// TestLimitsAreListedAsEntered, in the table and where the quota stops somebody.
func TestLimitsAreListedAsEntered(t *testing.T) {
	p := populate(t)
	p.add("alice", "sesame", "--home", "a", "--quota", "10G", "--rate-up", "500K", "--rate-down", "1.5MiB")
	p.add("bob", "sesame", "--home", "b", "--quota", "1TiB", "--quota-files", "12000")
	out, err := p.user("list")
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"10G", "500K", "1.5MiB", "1TiB", "12000"} {
		if !strings.Contains(out, " "+want+" ") {
			t.Errorf("no %s in\n%s", want, out)
		}
	}
	p.must("set", "bob", "--quota", "5K")
	d := run(t, t.TempDir(), "--users", p.file)
	_, err = mustAs(t, d, "bob", "sesame").Put(t.Context(), "f", strings.NewReader(strings.Repeat("x", 6000)), nil)
	if err == nil || !strings.Contains(err.Error(), "of 5 KB are stored") {
		t.Errorf("%v", err)
	}
}

// TestHomesThatNeedAFlag: the root as a home beside quotas is refused with what to do.
func TestHomesThatNeedAFlag(t *testing.T) {
	p := populate(t)
	p.add("alice", "sesame", "--home", "a", "--quota", "1M")
	out, err := p.user("add", "bob", "--password-file", p.secret("x"))
	if err == nil || !strings.Contains(out, "quota") || !strings.Contains(out, "hint: ") || !strings.Contains(out, "--home DIR") {
		t.Errorf("%v: %s", err, out)
	}
	out, err = refused(t, "--listen", "127.0.0.1:0", "--users", p.file, "--anonymous", "rw")
	if err == nil || !strings.Contains(out, "hint: ") || !strings.Contains(out, "--anonymous ro or off") {
		t.Errorf("%v: %s", err, out)
	}
}

// refused runs ftpd with flags that it does not serve with, and returns what it printed.
func refused(t *testing.T, flags ...string) (string, error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience) // where it serves all the same
	defer cancel()
	cmd := exec.CommandContext(ctx, ftpd, append([]string{"--root", t.TempDir()}, flags...)...)
	cmd.Env = append(os.Environ(), "FTPD_TLS=false") // the flags alone say what there is
	out, err := cmd.CombinedOutput()
	return string(out), err
}

// TestOpenAddress: who may not listen where other machines reach it hears what is missing.
func TestOpenAddress(t *testing.T) {
	p := populate(t)
	p.add("alice", "sesame")
	secure := []string{"--tls", "--state-dir", t.TempDir()}
	users := []string{"--users", p.file}
	for name, c := range map[string]struct {
		flags []string
		names []string // flags that help
		not   []string
	}{
		"nothing":          {nil, []string{"--tls", "--users FILE", "--insecure", "127.0.0.1"}, []string{"--anonymous"}},
		"users":            {users, []string{"--tls"}, []string{"--users", "--anonymous"}},
		"TLS":              {secure, []string{"--users FILE"}, []string{"--tls", "--anonymous"}},
		"both, and others": {append(append([]string{"--anonymous", "rw"}, secure...), users...), []string{"--anonymous ro or off"}, []string{"--tls", "--users"}},
	} {
		out, err := refused(t, append([]string{"--listen", "0.0.0.0:0"}, c.flags...)...)
		if err == nil {
			t.Errorf("%s: it serves", name)
		}
		for _, flag := range c.names {
			if !strings.Contains(out, flag) {
				t.Errorf("%s: no %s in %s", name, flag, out)
			}
		}
		for _, flag := range c.not {
			if strings.Contains(out, flag) {
				t.Errorf("%s: %s in %s", name, flag, out)
			}
		}
	}
}

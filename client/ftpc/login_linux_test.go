package main

import (
	"crypto/ed25519"
	"encoding/pem"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
)

// serveUsers starts a server with the user ann, who has a password and may have a key, and
// a file "a".
func serveUsers(t *testing.T, key ssh.PublicKey, flags ...string) (address string) {
	t.Helper()
	dir := t.TempDir()
	users, password := filepath.Join(dir, "users"), filepath.Join(dir, "password")
	check(t, os.WriteFile(password, []byte("open sesame\n"), 0o600))
	args := []string{"user", "--users", users, "add", "ann", "--home", "ann", "--password-file", password}
	if key != nil {
		file := filepath.Join(dir, "key")
		check(t, os.WriteFile(file, ssh.MarshalAuthorizedKey(key), 0o600))
		args = append(args, "--key", file)
	}
	if out, err := exec.Command("ftpd", args...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	root := t.TempDir()
	check(t, os.MkdirAll(filepath.Join(root, "ann"), 0o777))
	check(t, os.WriteFile(filepath.Join(root, "ann", "a"), nil, 0o666))
	address, stop, err := startServer(root, append(flags, "--users", users)...)
	check(t, err)
	t.Cleanup(func() { check(t, stop()) })
	return address
}

// Who sits at a terminal is asked for the password, which it does not show, and whatever
// comes of it the terminal is afterwards as it was.
func TestAskForThePassword(t *testing.T) {
	address := serveUsers(t, nil)
	for _, test := range []struct {
		name, keys string
		signal     syscall.Signal
		want       status
		shows      string
	}{
		{name: "right", keys: "open sesame\r", want: statusDone, shows: "a\r\n"},
		{name: "wrong", keys: "abracadabra\r", want: statusPermission, shows: "ftpc: ls: "},
		{name: "empty", keys: "\r", want: statusPermission, shows: "no password was given"},
		{name: "end", keys: "\x04", want: statusPermission, shows: "no password was given"},
		{name: "interrupt", keys: "open\x03", want: statusInterrupted, shows: "interrupted"},
		{name: "terminated", signal: syscall.SIGTERM, want: statusInterrupted, shows: "interrupted"},
	} {
		t.Run(test.name, func(t *testing.T) {
			term := openTerminal(t)
			cmd := term.seated(address, "ls", "--user", "ann")
			check(t, cmd.Start())
			term.waitFor(`Password of ann on \S+: $`)
			if test.signal != 0 {
				check(t, cmd.Process.Signal(test.signal))
			} else {
				term.press(test.keys)
			}
			if _ = cmd.Wait(); cmd.ProcessState.ExitCode() != int(test.want) {
				t.Errorf("ended with %d, not %d", cmd.ProcessState.ExitCode(), test.want)
			}
			if !term.echoes() {
				t.Error("the terminal does not show what is typed any more")
			}
			term.waitFor(test.shows)
			if strings.Contains(term.text(), "sesame") || strings.Contains(term.text(), "abra") {
				t.Errorf("the terminal shows the password: %q", term.text())
			}
		})
	}
}

// newKey returns a private key, and the file of it with a passphrase, which may be none.
func newKey(t *testing.T, passphrase string) (ed25519.PrivateKey, string) {
	t.Helper()
	_, key, err := ed25519.GenerateKey(nil)
	check(t, err)
	var block *pem.Block
	if passphrase == "" {
		block, err = ssh.MarshalPrivateKey(key, "")
	} else {
		block, err = ssh.MarshalPrivateKeyWithPassphrase(key, "", []byte(passphrase))
	}
	check(t, err)
	file := filepath.Join(t.TempDir(), "key")
	check(t, os.WriteFile(file, pem.EncodeToMemory(block), 0o600))
	return key, file
}

// serveAgent starts an agent that has keys, and returns its socket.
func serveAgent(t *testing.T, keys ...ed25519.PrivateKey) string {
	t.Helper()
	ring := agent.NewKeyring()
	for _, key := range keys {
		check(t, ring.Add(agent.AddedKey{PrivateKey: key, Comment: "ann's key\a"}))
	}
	dir, err := os.MkdirTemp("", "agent") // a short path, for sockets have no longer ones
	check(t, err)
	socket := filepath.Join(dir, "s")
	listener, err := net.Listen("unix", socket)
	check(t, err)
	t.Cleanup(func() { _, _ = listener.Close(), os.RemoveAll(dir) })
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() { _ = agent.ServeAgent(ring, conn) }()
		}
	}()
	return socket
}

// A key is read before anybody is dialled, here in vain. One with a passphrase needs the
// agent, or somebody who types it.
func TestIdentity(t *testing.T) {
	const nowhere = "127.0.0.1:1"
	_, open := newKey(t, "")
	locked, file := newKey(t, "pass phrase")
	readable := filepath.Join(t.TempDir(), "readable")
	check(t, os.WriteFile(readable, nil, 0o640))
	public := open + ".pub"
	check(t, os.WriteFile(public, []byte("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIOpKbTFR5gbzvPFmoQXDUSdVSDHpnCqnkK+xnJSgUWqC ann\n"), 0o644))
	socket := serveAgent(t, locked)
	for _, test := range []struct {
		name, file, agent string
		keys              string // typed on a terminal, of which there is none without
		want              status
		shows             string
	}{
		{"key", open, "", "", statusNetwork, "no server answers at"},
		{"key beside an agent that has gone", open, "/nowhere", "", statusNetwork, "no server answers at"},
		{"locked, and the agent has it", file, socket, "", statusNetwork, "no server answers at"},
		{"locked", file, "", "", statusLocal, "ftpc: ls " + file + ": the key has a passphrase\nhint: ssh-add " + file + " has the agent keep it\n"},
		{"passphrase", file, "", "pass phrase\r", statusNetwork, "no server answers at"},
		{"wrong passphrase", file, "", "phrase\r", statusLocal, "the passphrase is not that of the key"},
		{"interrupt", file, "", "pass\x03", statusInterrupted, "interrupted"},
		{"readable", readable, "", "", statusLocal, "others than its owner may read it\nhint: chmod go= " + readable},
		{"public", public, "", "", statusLocal, "it is a public key\nhint: --identity names the private one"},
		{"missing", open + "x", "", "", statusLocal, "no such file"},
	} {
		t.Run(test.name, func(t *testing.T) {
			term := openTerminal(t)
			cmd := term.seated(nowhere, "--tls", "ls", "--user", "ann", "--identity", test.file)
			cmd.Env = append(cmd.Env, "SSH_AUTH_SOCK="+test.agent)
			var errors strings.Builder
			if test.keys == "" {
				cmd.Stdin, cmd.Stderr, cmd.SysProcAttr = nil, &errors, nil
			}
			check(t, cmd.Start())
			if test.keys != "" {
				term.waitFor(`Passphrase of .*key: $`)
				term.press(test.keys)
			}
			if _ = cmd.Wait(); cmd.ProcessState.ExitCode() != int(test.want) {
				t.Errorf("ended with %d, not %d", cmd.ProcessState.ExitCode(), test.want)
			}
			if test.keys != "" {
				term.waitFor(test.shows)
			} else if !strings.Contains(errors.String(), test.shows) {
				t.Errorf("%q does not say %q", errors.String(), test.shows)
			}
			if !term.echoes() {
				t.Error("the terminal does not show what is typed any more")
			}
		})
	}
}

// publicKey returns the public half of a key.
func publicKey(t *testing.T, key ed25519.PrivateKey) ssh.PublicKey {
	t.Helper()
	public, err := ssh.NewPublicKey(key.Public())
	check(t, err)
	return public
}

// Where no key is accepted and nobody can be asked, it is told which were offered.
func TestKeysThatAreRefused(t *testing.T) {
	key, file := newKey(t, "")
	many := []ed25519.PrivateKey{key}
	for range maxAgentKeys {
		other, _ := newKey(t, "")
		many = append(many, other)
	}
	address := serveUsers(t, nil, "--tls", "--state-dir", t.TempDir())
	const adds = "the server takes the keys that ftpd user set ann --key FILE names there, after SIGHUP\n"
	shown := ssh.FingerprintSHA256(publicKey(t, key))
	for _, test := range []struct {
		name  string
		args  []string
		agent []ed25519.PrivateKey
		says  []string
	}{
		{"file", []string{"--identity", file}, nil, []string{
			"login failed", "; refused was the key " + shown + " of " + file + "\n", "hint: " + adds,
		}},
		{"agent", nil, []ed25519.PrivateKey{key}, []string{
			"no password was given; refused were the keys of the agent: " + shown + " (ann's key\\a)\n",
			"hint: there is no terminal to ask on: use FTPC_PASSWORD, --password-file or --identity; " + adds,
		}},
		{"more than are offered", nil, many, []string{"; --identity FILE offers one of the other keys, of which there are 1; " + adds}},
	} {
		t.Run(test.name, func(t *testing.T) {
			cmd := exec.Command("ftpc", append([]string{"ls", "--insecure", "ftpds://ann@" + address}, test.args...)...)
			cmd.Env = append(os.Environ(), "SSH_AUTH_SOCK="+serveAgent(t, test.agent...))
			cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true} // without a terminal
			out, _ := cmd.CombinedOutput()
			if got := cmd.ProcessState.ExitCode(); got != int(statusPermission) {
				t.Errorf("ended with %d", got)
			}
			for _, says := range test.says {
				if !strings.Contains(string(out), says) {
					t.Errorf("%s does not say %q", out, says)
				}
			}
		})
	}
}

// A key is for TLS, whatever --insecure allows to a password.
func TestKeyOutsideTLS(t *testing.T) {
	_, file := newKey(t, "")
	address := serveUsers(t, nil)
	out, _ := exec.Command("ftpc", "ls", "ftpd://ann@"+address, "--identity", file).CombinedOutput()
	want := "ftpc: ls: a login with a key is possible inside TLS only (" + address + ")\nhint: --tls, or ftpds://" + address + ", is inside TLS\n"
	if string(out) != want {
		t.Errorf("%q, want %q", out, want)
	}
}

// A key of a file, or of the agent, logs in inside TLS, on each connection.
func TestLoginWithAKey(t *testing.T) {
	key, file := newKey(t, "")
	other, otherFile := newKey(t, "")
	third, _ := newKey(t, "")
	address := serveUsers(t, publicKey(t, key), "--tls", "--state-dir", t.TempDir(), "--login-failures", "0")
	for _, test := range []struct {
		name  string
		args  []string
		agent string
		want  status
	}{
		{"file", []string{"--identity", file}, "", statusDone},
		{"agent", nil, serveAgent(t, other, third, key), statusDone},
		{"a file goes before the agent", []string{"--identity", otherFile}, serveAgent(t, key), statusPermission},
		{"another key", []string{"--identity", otherFile}, "", statusPermission},
		{"another key in the agent, and nobody to ask for a password", nil, serveAgent(t, other), statusPermission},
	} {
		t.Run(test.name, func(t *testing.T) {
			cmd := exec.Command("ftpc", append([]string{"get", "-r", "-j", "3", "--insecure", "ftpds://ann@" + address + "/", "-d", "copy"}, test.args...)...)
			cmd.Env = append(os.Environ(), "SSH_AUTH_SOCK="+test.agent)
			cmd.Dir = t.TempDir()
			out, _ := cmd.CombinedOutput()
			if got := cmd.ProcessState.ExitCode(); got != int(test.want) {
				t.Fatalf("ended with %d, not %d: %s", got, test.want, out)
			}
			if _, err := os.Stat(filepath.Join(cmd.Dir, "copy", "a")); (err == nil) != (test.want == statusDone) {
				t.Errorf("%v", err)
			}
		})
	}
}

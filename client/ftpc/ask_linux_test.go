package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"ftpd/client/trust"
	"ftpd/internal/trial"
)

// seated is ftpc with the terminal as its own (credentials(7), tty(4)), as a shell starts it, and with
// settings of its own.
func (term *terminal) seated(address string, args ...string) *exec.Cmd {
	term.t.Helper()
	cmd := term.command(address, args...)
	cmd.Stdin = term.file
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true, Setctty: true}
	cmd.Env = append(cmd.Env, "XDG_CONFIG_HOME="+cmd.Dir)
	return cmd
}

// press types on the terminal's keyboard.
func (term *terminal) press(keys string) {
	term.t.Helper()
	_, err := term.master.WriteString(keys)
	check(term.t, err)
}

// echoes tells whether the terminal shows what is typed, and cooks it as it does at first.
func (term *terminal) echoes() bool {
	term.t.Helper()
	state, err := unix.IoctlGetTermios(int(term.file.Fd()), unix.TCGETS)
	check(term.t, err)
	return state.Lflag&unix.ECHO != 0 && state.Lflag&unix.ICANON != 0 && state.Lflag&unix.ISIG != 0
}

// serveSecurely starts a server with a file "a", and a relay that speaks TLS in front of it.
func serveSecurely(t *testing.T) (address string, key trust.Fingerprint) {
	t.Helper()
	root, plain := serveTemp(t)
	check(t, os.WriteFile(filepath.Join(root, "a"), nil, 0o666))
	identity, _, err := trial.NewIdentity()
	check(t, err)
	relay, err := trial.NewSecureRelay(plain, "ftpd/1", identity)
	check(t, err)
	t.Cleanup(relay.Close)
	return relay.Address(), trust.FingerprintOf(identity.Leaf)
}

// Who sits at a terminal is asked about an unknown server, once.
func TestAskWhetherItIsTheServer(t *testing.T) {
	address, key := serveSecurely(t)
	for _, test := range []struct {
		name, keys string
		want       status
	}{
		{"yes", "yes\n", statusDone},
		{"the fingerprint", string(key) + "\n", statusDone},
		{"no", "no\n", statusPermission},
		{"the end of input", "\x04", statusPermission},
		{"interrupt", "\x03", statusInterrupted},
		{"what is no answer", "y\nYES!\n\nyes\n", statusDone},
		{"another fingerprint", strings.ToLower(string(key)) + "\nno\n", statusPermission},
	} {
		t.Run(test.name, func(t *testing.T) {
			term := openTerminal(t)
			cmd := term.seated(address, "--tls", "ls")
			check(t, cmd.Start())
			term.waitFor(`not known here(.|\n)*its key is ` + regexp.QuoteMeta(string(key)) + `(.|\n)*fingerprint\)\? $`)
			term.press(test.keys)
			if _ = cmd.Wait(); cmd.ProcessState.ExitCode() != int(test.want) {
				t.Errorf("ended with %d, not %d: %q", cmd.ProcessState.ExitCode(), test.want, term.text())
			}
			kept, err := os.ReadFile(filepath.Join(cmd.Dir, "ftpc/known_servers"))
			if test.want != statusDone {
				if err == nil {
					t.Errorf("%q is kept", kept)
				}
				return
			}
			if want := address + " " + string(key) + "\n"; string(kept) != want {
				t.Errorf("%q is kept, not %q", kept, want)
			}
			again := exec.Command("ftpc", "--tls", "-s", address, "ls")
			again.Env = cmd.Env
			if out, err := again.CombinedOutput(); string(out) != "a\n" || err != nil {
				t.Errorf("the second time: %q, %v", out, err)
			}
		})
	}
}

// Where neither input nor errors are a terminal nobody is asked, though there is one.
func TestNobodyToAsk(t *testing.T) {
	address, _ := serveSecurely(t)
	term := openTerminal(t)
	cmd := term.seated(address, "--tls", "ls")
	cmd.Stdin = nil
	cmd.SysProcAttr.Ctty = 1 // its standard output
	var errors strings.Builder
	cmd.Stderr = &errors
	if _ = cmd.Run(); cmd.ProcessState.ExitCode() != int(statusPermission) {
		t.Errorf("ended with %d", cmd.ProcessState.ExitCode())
	}
	if text := errors.String(); !strings.Contains(text, "is not known here") || strings.Contains(term.text(), "known") {
		t.Errorf("%q, %q", text, term.text())
	}
}

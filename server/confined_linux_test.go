package server

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"testing"

	"golang.org/x/sys/unix"

	"ftpd/client"
)

// nobody owns nothing else on this machine.
const nobody = 65534

// confined skips a test where the kernel has no Landlock, which the server says.
func confined(t *testing.T, d *daemon) {
	t.Helper()
	d.hasStarted()
	if reason := regexp.MustCompile(`msg="not confined" reason="(.*)"`).FindStringSubmatch(d.log.String()); reason != nil {
		t.Skipf("nothing is confined here: %s", reason[1])
	}
	if !regexp.MustCompile(`msg="confined: landlock ABI \d+"`).MatchString(d.log.String()) {
		t.Errorf("the log does not say whether it is confined:\n%s", d.log)
	}
}

// hasStarted waits until the log, which is written by and by, tells of the start.
func (d *daemon) hasStarted() {
	d.t.Helper()
	eventually(d.t, "the log of the start", func() bool { return strings.Contains(d.log.String(), "msg=serving") })
}

// given makes a directory that belongs to nobody.
func given(t *testing.T) string {
	t.Helper()
	if os.Getuid() != 0 {
		t.Skip("only root may become another user")
	}
	dir := t.TempDir()
	if err := os.Chown(dir, nobody, nobody); err != nil {
		t.Fatal(err)
	}
	return dir
}

// threads calls check with the status of each thread of the server.
func (d *daemon) threads(check func(field func(name string) string)) {
	d.t.Helper()
	files, err := filepath.Glob("/proc/" + d.status("Pid") + "/task/*/status")
	if err != nil || len(files) < 2 {
		d.t.Fatalf("%d threads, %v", len(files), err)
	}
	for _, file := range files {
		status, err := os.ReadFile(file)
		if err != nil {
			continue // it has ended
		}
		check(func(name string) string {
			for line := range strings.Lines(string(status)) {
				if key, value, _ := strings.Cut(line, ":"); key == name {
					return strings.Join(strings.Fields(value), " ")
				}
			}
			return ""
		})
	}
}

// exercise does what a server can be asked for, in sizes that take each way of storing.
func exercise(t *testing.T, d *daemon, c *client.Client) {
	t.Helper()
	ctx := t.Context()
	stored := putSized(t, c)
	for path, size := range stored {
		if got := len(get(t, c, path)); int64(got) != size {
			t.Errorf("%s has %d bytes, not %d", path, got, size)
		}
		put(t, c, path, "another content")                                  // replaces
		if err := c.Rename(ctx, path, "into/deep/"+path, nil); err == nil { // whose directory is not there
			t.Error("it was moved to nowhere")
		}
		if err := c.Mkdir(ctx, "into", 0o755); err != nil && !errors.Is(err, client.ErrExists) {
			t.Error(err)
		}
		if err := c.Rename(ctx, path, "into/"+path, nil); err != nil {
			t.Error(err)
		}
	}
	use(t, c)
	if err := c.Rename(ctx, "into", "d/moved", nil); err != nil {
		t.Error(err)
	}
	if _, err := c.Sum(ctx, "d/large"); err != nil {
		t.Error(err)
	}
	if err := os.Symlink("large", filepath.Join(d.root, "d/link")); err != nil {
		t.Fatal(err)
	}
	if err := c.Rename(ctx, "d/link", "link", nil); err != nil {
		t.Error(err)
	}
	if err := unix.Mkfifo(filepath.Join(d.root, "d/fifo"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := c.Rename(ctx, "d/fifo", "fifo", nil); err != nil {
		t.Error(err)
	}
	for _, name := range []string{"d", "link", "fifo", "f"} {
		if _, err := c.RemoveAll(ctx, name); err != nil {
			t.Error(err)
		}
	}
	if left := litter(t, d.root); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}

// TestConfined has a confined server do all that it can be asked for, with none of its
// threads able to gain anything.
func TestConfined(t *testing.T) {
	d := run(t, t.TempDir(), "--confine", "auto")
	confined(t, d)
	exercise(t, d, dial(t, d.address))
	d.threads(func(field func(string) string) {
		if field("NoNewPrivs") != "1" {
			t.Errorf("a thread has NoNewPrivs %s", field("NoNewPrivs"))
		}
	})
	if os.Getuid() == 0 && !strings.Contains(d.log.String(), `msg="the server runs as root"`) {
		t.Error("it does not warn of root")
	}
}

// TestNotConfined: it is told not to, and says nothing of it.
func TestNotConfined(t *testing.T) {
	d := run(t, t.TempDir(), "--confine", "off")
	d.hasStarted()
	if d.status("NoNewPrivs") != "0" || strings.Contains(d.log.String(), "confined") {
		t.Errorf("it has NoNewPrivs %s and logs\n%s", d.status("NoNewPrivs"), d.log)
	}
}

// TestReadOnlyConfined: of a server that is read-only nothing below the root can be
// changed.
func TestReadOnlyConfined(t *testing.T) {
	d := run(t, t.TempDir(), "--read-only")
	confined(t, d)
	if want := "change=[] read=[" + d.root + "]"; !strings.Contains(d.log.String(), want) {
		t.Errorf("the log does not say %q:\n%s", want, d.log)
	}
}

// TestAnotherUser has a server that was started as root go on as nobody, on every
// thread, and do all that it can be asked for.
func TestAnotherUser(t *testing.T) {
	d := run(t, given(t), "--user-id", "65534", "--group-id", "65534")
	exercise(t, d, dial(t, d.address))
	d.threads(func(field func(string) string) {
		for name, want := range map[string]string{
			"Uid": "65534 65534 65534 65534", "Gid": "65534 65534 65534 65534", "Groups": "65534",
			"CapPrm": "0000000000000000", "CapEff": "0000000000000000", "CapAmb": "0000000000000000",
		} {
			if got := field(name); got != want {
				t.Errorf("a thread has %s %q, not %q", name, got, want)
			}
		}
	})
	if strings.Contains(d.log.String(), "runs as root") {
		t.Error("it warns of root")
	}
	put(t, dial(t, d.address), "f", "x")
	if info, err := os.Stat(filepath.Join(d.root, "f")); err != nil || info.Sys().(*syscall.Stat_t).Uid != nobody {
		t.Errorf("a file that was put: %v, %v", info, err)
	}
}

// TestUsersReadAgain: a confined server reads its users file again, which is another
// file by then.
func TestUsersReadAgain(t *testing.T) {
	users := filepath.Join(t.TempDir(), "users")
	add := func(name string) {
		cmd := exec.Command(ftpd, "user", "add", name, "--users", users, "--password-file", "/dev/stdin")
		cmd.Stdin = strings.NewReader("correct horse battery staple\n")
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("%v: %s", err, out)
		}
	}
	add("alice")
	d := run(t, t.TempDir(), "--users", users, "--anonymous", "ro")
	confined(t, d)
	if !strings.Contains(d.log.String(), "reload=["+users) {
		t.Errorf("the log does not name the file:\n%s", d.log)
	}
	add("bob")
	login := func(name string) error {
		_, err := client.Dial(t.Context(), d.address, dialing(client.Options{Login: &client.Login{
			User: name, Password: func(context.Context) ([]byte, error) { return []byte("correct horse battery staple"), nil },
		}}))
		return err
	}
	if err := login("bob"); err == nil {
		t.Error("somebody is known before the file was read again")
	}
	d.signal(syscall.SIGHUP)
	eventually(t, "that bob is known", func() bool { return login("bob") == nil })
}

// TestRootKeepsTheKey: a server that is not root any more does without the key of its
// identity, which only root may read.
func TestRootKeepsTheKey(t *testing.T) {
	state := t.TempDir()
	d := run(t, given(t), "--user-id", "65534", "--group-id", "65534", "--tls", "--state-dir", state)
	if info, err := os.Stat(filepath.Join(state, "identity.key")); err != nil || info.Sys().(*syscall.Stat_t).Uid != 0 || info.Mode().Perm() != 0o600 {
		t.Errorf("the key: %v, %v", info, err)
	}
	d.signal(syscall.SIGHUP)
	eventually(t, "the end of reading again", func() bool { return strings.Contains(d.log.String(), "reloaded") })
	if strings.Contains(d.log.String(), "level=ERROR") {
		t.Error("it cannot be read again")
	}
}

// TestDirectoryOfOthers: what the user may not use is one error, with what to do.
func TestDirectoryOfOthers(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root may become another user")
	}
	out, err := exec.Command(ftpd, "--root", "/usr", "--listen", "127.0.0.1:0", "--user-id", "65534", "--group-id", "65534").CombinedOutput()
	for _, want := range []string{"ftpd: user 65534", "/usr", "permission denied", "\nhint: "} {
		if err == nil || !strings.Contains(string(out), want) {
			t.Errorf("%v, and it does not say %q:\n%s", err, want, out)
		}
	}
}

// TestOrderOfGivingUp: what needs root comes first, and nothing can be had back.
func TestOrderOfGivingUp(t *testing.T) {
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("there is no strace to see the order of system calls with")
	}
	root, file := given(t), filepath.Join(t.TempDir(), "calls")
	const calls = "bind,listen,landlock_create_ruleset,landlock_add_rule,setgroups,setgid,setuid,prctl,landlock_restrict_self,accept4"
	// -D makes strace the child, so that the server is the process that the test ends.
	d := begin(t, root, exec.Command(strace, "-D", "-f", "-o", file, "-e", "trace="+calls, "--signal=none",
		ftpd, "--root", root, "--listen", "127.0.0.1:0", "--user-id", "65534", "--group-id", "65534"))
	confined(t, d)
	dial(t, d.address)
	var text []byte
	eventually(t, "what strace saw of a connection", func() bool {
		text, err = os.ReadFile(file)
		return err != nil || strings.Contains(string(text), "accept4(")
	})
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	for _, m := range regexp.MustCompile(`(?m)^\d+ +(\w+)\((.*)`).FindAllStringSubmatch(string(text), -1) {
		if m[1] == "prctl" && !strings.HasPrefix(m[2], "PR_SET_NO_NEW_PRIVS") {
			continue
		}
		order = append(order, m[1])
	}
	order = slices.Compact(order)
	want := []string{"bind", "listen", "landlock_create_ruleset", "landlock_add_rule", "setgroups", "setgid", "setuid", "prctl", "landlock_restrict_self", "accept4"}
	if !slices.Equal(order, want) {
		t.Errorf("the order is %v, not %v", order, want)
	}
}

package server

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"ftpd/client"
)

// unitFile returns the settings of a unit of systemd, each with its values in order.
func unitFile(t *testing.T, name string) map[string][]string {
	t.Helper()
	text, err := os.ReadFile("../packaging/" + name)
	if err != nil {
		t.Fatal(err)
	}
	settings := map[string][]string{}
	for line := range strings.Lines(string(text)) {
		line = strings.TrimSpace(line)
		key, value, ok := strings.Cut(line, "=")
		switch {
		case line == "" || line[0] == '#' || line[0] == '[':
		case !ok:
			t.Errorf("%s: %q sets nothing", name, line)
		default:
			settings[key] = append(settings[key], value)
		}
	}
	return settings
}

// help returns what ftpd says of its flags.
func help(t *testing.T) string {
	t.Helper()
	out, err := exec.Command(ftpd, "--help").Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// TestFlagsOfPackages: every flag and variable that the files of packaging name exists.
func TestFlagsOfPackages(t *testing.T) {
	known := help(t)
	count := 0
	for _, name := range []string{"ftpd.service", "Containerfile", "README.md"} {
		text, err := os.ReadFile("../packaging/" + name)
		if err != nil {
			t.Fatal(err)
		}
		for _, named := range regexp.MustCompile(`(?m)(?:ftpd |\x60)(--[a-z-]+)|(FTPD_[A-Z_]+)`).FindAllStringSubmatch(string(text), -1) {
			count++
			if word := named[1] + named[2]; !regexp.MustCompile(word + `\b`).MatchString(known) {
				t.Errorf("%s names %s, which ftpd does not know", name, word)
			}
		}
	}
	if count < 4 {
		t.Errorf("%d flags and variables are named", count)
	}
	for _, flag := range strings.Fields(unitFile(t, "ftpd.service")["ExecStart"][0])[1:] {
		if strings.HasPrefix(flag, "--") && !strings.Contains(known, flag+" ") {
			t.Errorf("the unit gives %s, which ftpd does not know", flag)
		}
	}
}

// analyze is systemd-analyze.
func analyze(t *testing.T, args ...string) string {
	t.Helper()
	program, err := exec.LookPath("systemd-analyze")
	if err != nil {
		t.Skip("there is no systemd-analyze to judge the units with")
	}
	out, err := exec.Command(program, args...).CombinedOutput()
	if err != nil {
		t.Fatalf("systemd-analyze %s: %v\n%s", args[0], err, out)
	}
	return string(out)
}

// TestUnits: systemd finds nothing wrong with the units, and little that they leave open.
func TestUnits(t *testing.T) {
	dir := t.TempDir()
	for _, name := range []string{"ftpd.service", "ftpd.socket"} {
		text, err := os.ReadFile("../packaging/" + name)
		if err != nil {
			t.Fatal(err)
		}
		text = []byte(strings.ReplaceAll(string(text), "/usr/local/bin/ftpd", ftpd))
		if err := os.WriteFile(filepath.Join(dir, name), text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	service := filepath.Join(dir, "ftpd.service")
	if said := analyze(t, "verify", service, filepath.Join(dir, "ftpd.socket")); said != "" {
		t.Errorf("systemd says:\n%s", said)
	}
	analyze(t, "security", "--offline=yes", "--threshold=20", service)
}

// allowedCalls returns the system calls that the unit allows: what a line names, groups
// among them, but for what one with a ~ takes away again.
func allowedCalls(t *testing.T) []string {
	t.Helper()
	groups, group := map[string][]string{}, ""
	scanner := bufio.NewScanner(strings.NewReader(analyze(t, "syscall-filter")))
	for scanner.Scan() {
		switch line := scanner.Text(); {
		case strings.HasPrefix(line, "@"):
			group = line
		case strings.HasPrefix(line, "    ") && !strings.Contains(line, "#"):
			groups[group] = append(groups[group], strings.TrimSpace(line))
		}
	}
	expand := func(calls []string) []string {
		for i := 0; i < len(calls); i++ {
			if strings.HasPrefix(calls[i], "@") {
				calls = append(calls, groups[calls[i]]...)
			}
		}
		return calls
	}
	allowed := expand([]string{"@default"}) // always (systemd.exec(5), SystemCallFilter=)
	for _, line := range unitFile(t, "ftpd.service")["SystemCallFilter"] {
		listed, without := strings.CutPrefix(line, "~")
		calls := expand(strings.Fields(listed))
		if without {
			allowed = slices.DeleteFunc(allowed, func(call string) bool { return slices.Contains(calls, call) })
		} else {
			allowed = append(allowed, calls...)
		}
	}
	return allowed
}

// TestSystemCallsOfUnit: all that the server calls is what the unit allows. It has the same
// flags, but for its places.
func TestSystemCallsOfUnit(t *testing.T) {
	allowed := allowedCalls(t)
	strace, err := exec.LookPath("strace")
	if err != nil {
		t.Skip("there is no strace to see the system calls with")
	}
	root, dir := t.TempDir(), t.TempDir()
	file, users := filepath.Join(dir, "calls"), filepath.Join(dir, "users")
	addUser(t, users, "ann")
	d := begin(t, root, exec.Command(strace, "-D", "-f", "-o", file, "--signal=none",
		ftpd, "--root", root, "--listen", "127.0.0.1:0", "--tls", "--state-dir", filepath.Join(dir, "state"), "--users", users))
	d.signal(syscall.SIGHUP)
	c, err := client.Dial(t.Context(), d.address, &client.Options{TLS: anyServer(), Login: &client.Login{
		User: "ann", Password: func(context.Context) ([]byte, error) { return []byte("x"), nil },
	}})
	if err != nil {
		t.Fatal(err)
	}
	exercise(t, d, c)
	if err := c.Close(); err != nil {
		t.Error(err)
	}
	d.signal(syscall.SIGTERM)
	if err := d.wait(); err != nil {
		t.Fatal(err)
	}
	var text []byte
	eventually(t, "the end of what strace saw", func() bool {
		text, err = os.ReadFile(file)
		return err != nil || strings.Contains(string(text), "+++ exited")
	})
	if err != nil {
		t.Fatal(err)
	}
	called := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^\d+ +(\w+)\(`).FindAllStringSubmatch(string(text), -1) {
		called[m[1]] = true
	}
	if len(called) < 40 || !called["landlock_restrict_self"] && !strings.Contains(d.log.String(), "not confined") {
		t.Errorf("strace saw %d calls", len(called))
	}
	for name := range called {
		if !slices.Contains(allowed, name) {
			t.Errorf("the server calls %s, which the unit does not allow", name)
		}
	}
}

// instruction returns what a line of the Containerfile says.
func instruction(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile("../packaging/Containerfile")
	if err != nil {
		t.Fatal(err)
	}
	m := regexp.MustCompile(`(?m)^` + name + ` (.*)$`).FindStringSubmatch(string(text))
	if m == nil {
		t.Fatalf("the Containerfile has no %s", name)
	}
	return m[1]
}

// words returns those of the exec form of an instruction.
func words(t *testing.T, list string) []string {
	t.Helper()
	var found []string
	for _, m := range regexp.MustCompile(`"([^"]*)"`).FindAllStringSubmatch(list, -1) {
		found = append(found, m[1])
	}
	if len(found) == 0 {
		t.Fatalf("%q names no program", list)
	}
	return found
}

// TestContainer runs what the Containerfile says in a root directory of nothing but what
// it copies, as its user, and its health check beside it. There is not even a /proc.
func TestContainer(t *testing.T) {
	if os.Getuid() != 0 {
		t.Skip("only root may change the root directory")
	}
	image := t.TempDir()
	user, err := strconv.Atoi(strings.Split(instruction(t, "USER"), ":")[0])
	if err != nil || user == 0 {
		t.Fatalf("it runs as %d, %v", user, err)
	}
	build := exec.Command("go", "build", "-o", image+"/bin/", "ftpd/server/ftpd", "ftpd/client/ftpc")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, out)
	}
	for _, dir := range words(t, instruction(t, "VOLUME")) {
		if err := errors.Join(os.Mkdir(image+dir, 0o755), os.Chown(image+dir, user, user)); err != nil {
			t.Fatal(err)
		}
	}
	const password = "correct horse battery staple"
	if err := errors.Join(os.WriteFile(image+"/password", []byte(password), 0o600), os.Chown(image+"/password", user, user)); err != nil {
		t.Fatal(err)
	}
	inside := func(variables []string, line ...string) *exec.Cmd {
		cmd := exec.Command(line[0], line[1:]...)
		cmd.Dir, cmd.Env = "/", append(strings.Fields(instruction(t, "ENV")), variables...)
		cmd.SysProcAttr = &syscall.SysProcAttr{Chroot: image, Credential: &syscall.Credential{Uid: uint32(user), Gid: uint32(user)}}
		return cmd
	}
	if out, err := inside(nil, "/bin/ftpd", "user", "add", "alice", "--password-file", "/password").CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, out)
	}
	server := inside([]string{"FTPD_LISTEN=127.0.0.1:0"}, words(t, instruction(t, "ENTRYPOINT"))...)
	d := begin(t, "/srv", server)
	c, err := client.Dial(t.Context(), d.address, &client.Options{
		TLS:   &tls.Config{InsecureSkipVerify: true, MinVersion: tls.VersionTLS13}, // who it is has no say here
		Login: &client.Login{User: "alice", Password: func(context.Context) ([]byte, error) { return []byte(password), nil }},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	put(t, c, "f", "content")
	if stored, err := os.ReadFile(image + "/srv/f"); err != nil || string(stored) != "content" {
		t.Errorf("stored is %q, %v", stored, err)
	}
	_, check, _ := strings.Cut(instruction(t, "HEALTHCHECK"), "CMD ")
	line := words(t, strings.ReplaceAll(check, "127.0.0.1:2120", d.address))
	if out, err := inside(nil, line...).CombinedOutput(); err != nil {
		t.Errorf("the health check says %v: %s", err, out)
	}
	d.signal(syscall.SIGTERM)
	if err := d.wait(); err != nil {
		t.Error(err)
	}
	if out, err := inside(nil, line...).CombinedOutput(); err == nil {
		t.Errorf("a server that has ended is healthy: %s", out)
	}
}

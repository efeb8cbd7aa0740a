package confine

import (
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"

	"golang.org/x/sys/unix"
)

// nobody is a user whom no test needs to know.
var nobody = User{UID: 65534, GID: 65534}

// program builds the helper, once.
var program = sync.OnceValues(func() (string, error) {
	binary := filepath.Join(binaries, "helper")
	build := exec.Command("go", "test", "-c", "-o", binary, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		return "", fmt.Errorf("%w\n%s", err, out)
	}
	return binary, nil
})

// needLandlock returns the ABI of the kernel that the tests run on; they are skipped where it has none.
func needLandlock(t *testing.T) int {
	t.Helper()
	abi, err := landlockVersion(unix.LANDLOCK_CREATE_RULESET_VERSION)
	switch {
	case err != nil:
		t.Skipf("nothing can be confined here: %s", withoutLandlock(err))
	case abi < minABI:
		t.Skipf("this kernel has Landlock ABI %d, and %d is needed", abi, minABI)
	}
	return abi
}

// newSite makes what is tried on, which nobody may change too.
func newSite(t *testing.T) site {
	t.Helper()
	top := t.TempDir()
	s := site{Inside: top + "/inside", Outside: top + "/outside", Reloaded: top + "/etc/current"}
	var files []string
	for _, suffix := range append(slices.Collect(suffixes), "") {
		files = append(files, "inside/out"+suffix, "outside/in"+suffix, "outside/victim"+suffix)
	}
	files = append(files, "inside/file", "inside/sub/file", "outside/file", "outside/empty", "etc/v1/file", "etc/v1/next", "etc/next")
	for _, name := range files {
		name = filepath.Join(top, name)
		if err := errors.Join(os.MkdirAll(filepath.Dir(name), 0o755), os.WriteFile(name, []byte("x"), 0o644)); err != nil {
			t.Fatal(err)
		}
	}
	err := errors.Join(os.Symlink("../outside/file", top+"/inside/leads-out"), os.Symlink("v1/file", s.Reloaded), os.Chmod(filepath.Dir(top), 0o755))
	if err != nil {
		t.Fatal(err)
	}
	if os.Getuid() == 0 {
		err = filepath.WalkDir(top, func(path string, _ os.DirEntry, err error) error {
			return errors.Join(err, os.Lchown(path, nobody.UID, nobody.GID))
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	s.Port, s.Abstract = listening(t, "tcp", "127.0.0.1:0"), listening(t, "unix", "@confine-test-"+strconv.Itoa(os.Getpid())+t.Name())
	return s
}

func suffixes(yield func(string) bool) {
	for i := range workers {
		if !yield(strconv.Itoa(i)) {
			return
		}
	}
	yield("new")
}

func listening(t *testing.T, network, address string) string {
	t.Helper()
	l, err := net.Listen(network, address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = l.Close() })
	return l.Addr().String()
}

// enter has the helper enter a plan and try everything. It returns what came of it and
// the status of each of its threads, as proc(5) has it.
func enter(t *testing.T, plan Plan, s site) (result outcome, threads []string) {
	t.Helper()
	binary, err := program()
	if err != nil {
		t.Fatal(err)
	}
	text, err := json.Marshal(order{plan, s})
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(binary)
	cmd.Env = append(os.Environ(), helperVariable+"="+string(text))
	cmd.Stderr = os.Stderr
	in, err1 := cmd.StdinPipe()
	out, err2 := cmd.StdoutPipe()
	if err := errors.Join(err1, err2, cmd.Start()); err != nil {
		t.Fatal(err)
	}
	err = json.NewDecoder(out).Decode(&result)
	files, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/status", cmd.Process.Pid))
	for _, file := range files {
		if status, err := os.ReadFile(file); err == nil { // or that thread has ended
			threads = append(threads, string(status))
		}
	}
	if err := errors.Join(err, in.Close(), cmd.Wait()); err != nil {
		t.Fatal(err)
	}
	return result, threads
}

// allowed tells what may succeed. Off is there to see that each attempt does, unless
// something forbids it.
func allowed(plan Plan, abi int, need need) bool {
	off, root := plan.Mode == Off, os.Getuid() == 0 && plan.User == nil
	switch need {
	case nothing, reading:
		return true
	case changing:
		return off || len(plan.Change) > 0
	case making:
		return off && root
	case leaving:
		return off
	case reloading:
		return off || len(plan.Reload) > 0
	case networking:
		return off || abi < 4
	case calling:
		return off || abi < 6
	case signaling:
		return plan.User == nil && (off || denied(abi, errata()).Scoped&unix.LANDLOCK_SCOPE_SIGNAL == 0)
	case rooting:
		return root
	}
	panic("no such need")
}

func errata() int {
	n, _ := landlockVersion(unix.LANDLOCK_CREATE_RULESET_ERRATA) // 0 where the kernel does not tell
	return n
}

// TestEnter has a process confine itself, and then try on threads from before and after
// what it may do and what not.
func TestEnter(t *testing.T) {
	abi := needLandlock(t)
	for _, c := range []struct {
		name string
		plan func(s site) Plan
	}{
		{"to change", func(s site) Plan { return Plan{Change: []string{s.Inside}} }},
		{"to read", func(s site) Plan { return Plan{Read: []string{s.Inside}} }},
		{"to read again", func(s site) Plan { return Plan{Mode: Require, Read: []string{s.Inside}, Reload: []string{s.Reloaded}} }},
		{"as another user", func(s site) Plan {
			return Plan{User: &nobody, Change: []string{s.Inside}, Reload: []string{s.Reloaded}}
		}},
		{"as another user, not confined", func(s site) Plan { return Plan{Mode: Off, User: &nobody, Change: []string{s.Inside}} }},
		{"not at all", func(site) Plan { return Plan{Mode: Off} }},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := newSite(t)
			plan := c.plan(s)
			if plan.User != nil && os.Getuid() != 0 {
				t.Skip("only root may become another user")
			}
			got, threads := enter(t, plan, s)
			if got.Error != "" || plan.Mode != Off && got.Report.Landlock != abi {
				t.Fatalf("%s, %+v", got.Error, got.Report)
			}
			for i, thread := range got.Threads {
				for _, a := range attempts {
					if err, may := thread[a.name], allowed(plan, abi, a.need); (err == "") != may {
						t.Errorf("thread %d: %s: %q, allowed is %v", i, a.name, err, may)
					}
				}
			}
			checkStatus(t, plan, threads)
		})
	}
}

// TestDenied pins what each version of Landlock is asked for, so that an old kernel is
// asked for nothing that it does not know.
func TestDenied(t *testing.T) {
	for _, c := range []struct {
		abi, errata     int
		fs, net, scoped uint64
	}{
		{1, 0, 0x1fff, 0, 0},
		{2, 0, 0x3fff, 0, 0},
		{3, 0, 0x7fff, 0, 0},
		{4, 1, 0x7fff, 3, 0},
		{5, 1, 0xffff, 3, 0},
		{6, 1, 0xffff, 3, unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET}, // signals between our own threads would be lost
		{6, 3, 0xffff, 3, unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | unix.LANDLOCK_SCOPE_SIGNAL},
		{99, 7, 0xffff, 3, unix.LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET | unix.LANDLOCK_SCOPE_SIGNAL},
	} {
		got := denied(c.abi, c.errata)
		if got.Handled_access_fs != c.fs || got.Handled_access_net != c.net || got.Scoped != c.scoped {
			t.Errorf("ABI %d, errata %b: %+v", c.abi, c.errata, got)
		}
	}
}

// TestWithoutLandlock: each reason why there is none is told apart.
func TestWithoutLandlock(t *testing.T) {
	for errno, want := range map[unix.Errno]string{
		unix.ENOSYS: "no Landlock", unix.EOPNOTSUPP: "lsm=", unix.EPERM: "refused: operation not permitted",
	} {
		if got := withoutLandlock(errno); !strings.Contains(got, want) {
			t.Errorf("%v: %s", errno, got)
		}
	}
}

// TestWhatIsMissing: a plan that names what is not there, or what its user may not use, is
// refused with its name.
func TestWhatIsMissing(t *testing.T) {
	needLandlock(t)
	s := newSite(t)
	secret := s.Outside + "/secret"
	if err := os.WriteFile(secret, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		name string
		plan Plan
		says []string
	}{
		{"no directory", Plan{Change: []string{"/does/not/exist"}}, []string{"/does/not/exist", "no such file"}},
		{"no file", Plan{Reload: []string{"/does/not/exist"}}, []string{"/does/not/exist", "no such file"}},
		{"a file of others", Plan{User: &nobody, Reload: []string{secret}}, []string{secret, "user 65534", "permission denied"}},
		{"a directory of others", Plan{User: &nobody, Change: []string{"/usr"}}, []string{"/usr", "user 65534", "permission denied"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			if c.plan.User != nil && os.Getuid() != 0 {
				t.Skip("only root may become another user")
			}
			got, _ := enter(t, c.plan, s)
			for _, want := range c.says {
				if !strings.Contains(got.Error, want) {
					t.Errorf("it does not say %q: %s", want, got.Error)
				}
			}
		})
	}
}

// checkStatus looks at what the kernel says of each thread.
func checkStatus(t *testing.T, plan Plan, threads []string) {
	t.Helper()
	want := map[string]string{"NoNewPrivs": "1"}
	if plan.Mode == Off {
		want["NoNewPrivs"] = "0"
	}
	if plan.User != nil {
		want["Uid"] = strings.TrimSpace(strings.Repeat(fmt.Sprint(plan.User.UID, " "), 4))
		want["Gid"] = strings.TrimSpace(strings.Repeat(fmt.Sprint(plan.User.GID, " "), 4))
		want["Groups"] = strconv.Itoa(plan.User.GID)
		for _, set := range []string{"CapPrm", "CapEff", "CapAmb"} {
			want[set] = "0000000000000000"
		}
	}
	if len(threads) <= workers {
		t.Errorf("%d threads", len(threads))
	}
	for _, status := range threads {
		for name, value := range want {
			if got := field(status, name); got != value {
				t.Errorf("a thread has %s %q, not %q", name, got, value)
			}
		}
	}
}

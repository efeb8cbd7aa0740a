//go:build linux

package process

import (
	"bytes"
	"context"
	"errors"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"
)

// wait is a deadline for what a test waits for.
const wait = 30 * time.Second

func shell(script string, args ...string) Command {
	return Command{Line: append([]string{"sh", "-c", script, "sh"}, args...)}
}

// exists waits for a file.
func exists(path string) func() error {
	return func() error {
		_, err := os.Stat(path)
		return err
	}
}

// await waits until a condition holds.
func await(t *testing.T, what string, condition func() bool) {
	t.Helper()
	for deadline := time.Now().Add(wait); !condition(); {
		if time.Now().After(deadline) {
			t.Fatalf("in vain: %s", what)
		}
	}
}

// number reads the number of a process from a file.
func number(t *testing.T, path string) int {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		t.Fatal(err)
	}
	return pid
}

// gone says whether a process has ended, whoever is its parent.
func gone(pid int) bool {
	line, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return true
	}
	s, err := parseStat(string(line))
	return err == nil && s.zombie
}

func TestRunTellsWhatWasPrinted(t *testing.T) {
	_, err := Run(t.Context(), shell("echo this is why >&2; exit 3"))
	exit, ok := errors.AsType[*exec.ExitError](err)
	if !ok || exit.ExitCode() != 3 || !strings.Contains(err.Error(), "this is why") {
		t.Errorf("error %v", err)
	}
	_, err = Run(t.Context(), shell("yes | head -c 5000 >&2; exit 3"))
	if err == nil || len(err.Error()) > 600 {
		t.Errorf("error %v", err)
	}
	if _, err := Run(t.Context(), Command{Line: []string{"/no/such/program"}}); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v", err)
	}
}

func TestRunMeasures(t *testing.T) {
	usage, err := Run(t.Context(), shell("i=0; while test $i -lt 100000; do i=$((i+1)); done"))
	if err != nil || usage.Wall <= 0 || usage.CPU <= 0 {
		t.Errorf("%+v, %v", usage, err)
	}
}

func TestSettings(t *testing.T) {
	t.Setenv("FTPC_SERVER", "elsewhere:1")
	c := shell(`test -z "$FTPC_SERVER" && test -n "$PATH" && test "$OWN" = 1`)
	c.Env = []string{"OWN=1"}
	if _, err := Run(t.Context(), c); err != nil {
		t.Error(err)
	}
}

func TestCancelEndsTheChildrenToo(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := Run(ctx, shell(`sleep 1000 2>/dev/null & echo $! > "$1.new"; mv "$1.new" "$1"; wait`, file))
		ended <- err
	}()
	await(t, "the child", func() bool { return exists(file)() == nil })
	cancel()
	if err := <-ended; err == nil {
		t.Error("no error")
	}
	pid := number(t, file)
	await(t, "the end of the child", func() bool { return gone(pid) })
}

func TestDaemon(t *testing.T) {
	dir := t.TempDir()
	// It works, has a child that works until the file stop is there, and becomes ready.
	d, err := Start(t.Context(), shell(`
		trap 'exit 0' TERM
		i=0; while test $i -lt 200000; do i=$((i+1)); done
		(while test ! -e "$1/go"; do :; done; : > "$1/child"; while test ! -e "$1/stop"; do :; done) &
		: > "$1/ready"; wait; : > "$1/waited"; while :; do :; done`, dir), exists(filepath.Join(dir, "ready")))
	if err != nil {
		t.Fatal(err)
	}
	d.resting = d.resting[:1] // the child counts as one for a client
	before, err := d.CPU()
	if err != nil || before <= 0 {
		t.Errorf("CPU %v, %v", before, err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("enough"))
	if err := d.Settle(ctx); err == nil || err.Error() != "enough" {
		t.Errorf("settled while a child works: %v", err)
	}
	for _, name := range []string{"go", "stop"} {
		if err := os.WriteFile(filepath.Join(dir, name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if err := d.Settle(t.Context()); err != nil {
		t.Error(err)
	}
	if after, err := d.CPU(); err != nil || after < before {
		t.Errorf("CPU %v after %v, %v", after, before, err)
	}
	if err := d.Stop(); err != nil {
		t.Error(err)
	}
}

// A server may be late to ask for the end of its children, or never do so.
func TestSettledWithWhatIsDead(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	d, err := Start(t.Context(), shell(`sh -c 'echo $$ > "$0.new"' "$1" & exec sleep 1000`, file), exists(file+".new"))
	if err != nil {
		t.Fatal(err)
	}
	d.resting = d.resting[:1]
	if err := d.Settle(t.Context()); err != nil {
		t.Error(err)
	}
	if found, err := tree(d.cmd.Process.Pid); err != nil || len(found) != 2 || !found[1].zombie {
		t.Errorf("%+v, %v", found, err)
	}
	if err := d.Stop(); err != nil {
		t.Error(err)
	}
}

func TestStopKillsWhatIsLeft(t *testing.T) {
	file := filepath.Join(t.TempDir(), "pid")
	d, err := Start(t.Context(), shell(`trap 'exit 0' TERM; sleep 1000 & echo $! > "$1.new"; mv "$1.new" "$1"; wait`, file), exists(file))
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Stop(); err != nil {
		t.Error(err)
	}
	pid := number(t, file)
	await(t, "the end of the child", func() bool { return gone(pid) })
}

func TestDaemonThatDoesNotStart(t *testing.T) {
	never := func() error { return errors.New("not ready") }
	_, err := Start(t.Context(), shell("echo the port is taken; exit 1"), never)
	if err == nil || !strings.Contains(err.Error(), "the port is taken") || !strings.Contains(err.Error(), "ended by itself") {
		t.Errorf("error %v", err)
	}
	if _, err := Start(t.Context(), Command{Line: []string{"/no/such/program"}}, never); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("error %v", err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("interrupted"))
	if _, err := Start(ctx, shell("exec sleep 1000"), never); err == nil || !strings.Contains(err.Error(), "interrupted") {
		t.Errorf("error %v", err)
	}
}

func TestDaemonThatEndsByItself(t *testing.T) {
	d, err := Start(t.Context(), shell("exit 0"), func() error { return nil })
	if err != nil {
		return // it ended before it was seen
	}
	<-d.ended
	if err := d.Stop(); err == nil || !strings.Contains(err.Error(), "ended by itself") {
		t.Errorf("error %v", err)
	}
}

// asParent makes the test's program one that starts a server and never ends.
const asParent = "PROCESS_TEST_PARENT"

func TestMain(m *testing.M) {
	if file := os.Getenv(asParent); file != "" {
		_, err := Start(context.Background(), shell(`echo $$ > "$1.new"; mv "$1.new" "$1"; exec sleep 1000`, file), exists(file))
		if err != nil {
			panic(err)
		}
		select {} // until it is killed
	}
	os.Exit(m.Run())
}

func TestAServerEndsWithTheProgram(t *testing.T) {
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(t.TempDir(), "pid")
	parent := exec.Command(self)
	parent.Env = append(os.Environ(), asParent+"="+file)
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	await(t, "the server", func() bool { return exists(file)() == nil })
	pid := number(t, file)
	if gone(pid) {
		t.Error("the server is not there")
	}
	if err := parent.Process.Kill(); err != nil {
		t.Error(err)
	}
	_ = parent.Wait() // it was killed
	await(t, "the end of the server", func() bool { return gone(pid) })
}

func TestParseStat(t *testing.T) {
	const line = "42 (a (b) c) Z 7 1 1 0 -1 4 1 2 3 4 10 20 300 4000 20 0 1 0 555 6 7"
	want := stat{pid: 42, parent: 7, zombie: true, ticks: 4330, started: 555}
	if got, err := parseStat(line); err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	for _, bad := range []string{"", "42 a S", "x (a) S 1", "42 (a) S 1 2", strings.Replace(line, "300", "x", 1)} {
		if _, err := parseStat(bad); err == nil {
			t.Errorf("%q was taken", bad)
		}
	}
}

func TestTreeIsThatOfTheProcess(t *testing.T) {
	cmd := exec.Command("sh", "-c", "echo; read x")
	in, err := cmd.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	cmd.Stdout = &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	found, err := tree(os.Getpid())
	if err != nil || found[0].pid != os.Getpid() {
		t.Errorf("%+v, %v", found, err)
	}
	var child bool
	for _, p := range found {
		child = child || p.pid == cmd.Process.Pid && p.parent == os.Getpid()
	}
	if !child {
		t.Errorf("%d is not in %+v", cmd.Process.Pid, found)
	}
	in.Close()
	if err := cmd.Wait(); err == nil {
		t.Error("read found something")
	}
}

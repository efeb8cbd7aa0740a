//go:build unix

package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"ftpd/client/trust"
	"ftpd/internal/trial"
)

// TestMain makes this binary ftpc itself in the scripts, and builds the server
// they run against.
func TestMain(m *testing.M) {
	testscript.Main(withServer{m}, map[string]func(){"ftpc": main})
}

// raceOptions keeps a program with the race detector in it, which each ftpc of
// these tests is under "go test -race", from waiting a second before it ends.
const raceOptions = "atexit_sleep_ms=0"

type withServer struct{ m *testing.M }

// Run builds ftpd into a directory of its own, in front of the PATH.
func (w withServer) Run() int {
	dir, err := os.MkdirTemp("", "ftpd")
	if err != nil {
		return fail(err)
	}
	defer os.RemoveAll(dir)
	build := exec.Command("go", "build", "-o", dir, "ftpd/server/ftpd")
	build.Env = append(os.Environ(), "CGO_ENABLED=0") // as it is installed: one with cgo is not confined
	if out, err := build.CombinedOutput(); err != nil {
		return fail(fmt.Errorf("go build ftpd: %w\n%s", err, out))
	}
	path := dir + string(filepath.ListSeparator) + os.Getenv("PATH")
	// Most tests of a lost connection want to see what comes of that, at once.
	if err := errors.Join(os.Setenv("PATH", path), os.Setenv("GORACE", raceOptions), os.Setenv("FTPC_RETRIES", "0")); err != nil {
		return fail(err)
	}
	return w.m.Run()
}

func fail(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// TestScripts runs testdata/scripts. Beside the commands of testscript there are:
//
//	serve DIR [FLAG...]       serve DIR until the script ends; sets FTPC_SERVER
//	silent [TEXT]             listen, say TEXT to who connects, and nothing more; sets FTPC_SERVER
//	secure NAME [HOST...]     speak TLS in front of the server, at an address that stays, with a
//	                          new certificate for the hosts, which is stored as NAME; sets
//	                          SECURE to HOST:PORT and KEY to the fingerprint
//	status N PROGRAM [ARG...] run a program that must end with status N
//	bytes NAME TEXT           set a variable to a text with Go's escapes
//	mode OCTAL FILE...        check the permission bits
//	touch TIME FILE...        set the modification time (RFC 3339)
//	mtime TIME FILE...        check it
//	same A B                  compare two files or trees: names, bytes, modes, times
//	size N FILE               make a file of N bytes
func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "../../testdata/scripts",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(e *testscript.Env) error {
			e.Setenv("TZ", "UTC")
			e.Setenv("GORACE", raceOptions)
			e.Setenv("XDG_CONFIG_HOME", filepath.Join(e.WorkDir, ".config"))
			e.Values[relayKey{}] = new(*trial.SecureRelay)
			return nil
		},
		Condition: func(name string) (bool, error) {
			if name == "privileged" {
				return readsForbidden(t), nil
			}
			return false, fmt.Errorf("unknown condition %s", name)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"serve":  scriptServe,
			"silent": scriptSilent,
			"secure": scriptSecure,
			"status": scriptStatus,
			"bytes":  scriptBytes,
			"mode":   scriptMode,
			"touch":  scriptTouch,
			"mtime":  scriptMtime,
			"same":   scriptSame,
			"size":   scriptSize,
		},
	})
}

// readsForbidden tells whether permissions do not bind who runs this, as they
// do not bind root.
func readsForbidden(t *testing.T) bool {
	forbidden := filepath.Join(t.TempDir(), "forbidden")
	if err := os.WriteFile(forbidden, nil, 0); err != nil {
		t.Fatal(err)
	}
	_, err := os.ReadFile(forbidden)
	return err == nil
}

func scriptServe(ts *testscript.TestScript, neg bool, args []string) {
	root := ts.MkAbs(args[0])
	ts.Check(os.MkdirAll(root, 0o777))
	address, stop, err := startServer(root, args[1:]...)
	ts.Check(err)
	ts.Defer(func() { ts.Check(stop()) })
	ts.Setenv("FTPC_SERVER", address)
	_, port, _ := strings.Cut(address, ":")
	ts.Setenv("PORT", port)
}

// startServer runs ftpd and returns where it listens. stop ends it and fails
// if it does not end well.
func startServer(root string, flags ...string) (address string, stop func() error, err error) {
	cmd := exec.Command("ftpd", append([]string{"--root", root, "--listen", "127.0.0.1:0"}, flags...)...)
	cmd.Stderr = new(strings.Builder)
	out, err := cmd.StdoutPipe()
	if err != nil {
		return "", nil, err
	}
	if err := cmd.Start(); err != nil {
		return "", nil, err
	}
	printed, line := bufio.NewReader(out), ""
	for !strings.Contains(line, " on ") { // before it there may be an identity
		if line, err = printed.ReadString('\n'); err != nil {
			return "", nil, fmt.Errorf("ftpd printed no address: %w; %s", cmd.Wait(), cmd.Stderr)
		}
	}
	address = strings.TrimSpace(line[strings.LastIndex(line, " on ")+len(" on "):])
	return address, func() error {
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			return err
		}
		watchdog := time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Kill() })
		defer watchdog.Stop()
		if err := cmd.Wait(); err != nil {
			return fmt.Errorf("ftpd ended with %w; %s", err, cmd.Stderr)
		}
		return nil
	}, nil
}

func scriptSilent(ts *testscript.TestScript, neg bool, args []string) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	ts.Check(err)
	ts.Defer(func() { _ = listener.Close() })
	greeting, err := strconv.Unquote(`"` + strings.Join(args, " ") + `"`)
	ts.Check(err)
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			defer conn.Close() // in the end: all stay open until then
			_, _ = io.WriteString(conn, greeting)
		}
	}()
	ts.Setenv("FTPC_SERVER", listener.Addr().String())
}

// relayKey is where a script's environment keeps the relay of scriptSecure.
type relayKey struct{}

func scriptSecure(ts *testscript.TestScript, neg bool, args []string) {
	identity, text, err := trial.NewIdentity(args[1:]...)
	ts.Check(err)
	ts.Check(os.WriteFile(ts.MkAbs(args[0]), text, 0o666))
	relay, ok := ts.Value(relayKey{}).(**trial.SecureRelay)
	if !ok {
		ts.Fatalf("a script has no place for its relay")
	}
	if *relay == nil {
		*relay, err = trial.NewSecureRelay(ts.Getenv("FTPC_SERVER"), "ftpd/1", identity)
		ts.Check(err)
		ts.Defer((*relay).Close)
	}
	(*relay).SetIdentity(identity)
	ts.Setenv("SECURE", (*relay).Address())
	ts.Setenv("KEY", string(trust.FingerprintOf(identity.Leaf)))
}

func scriptStatus(ts *testscript.TestScript, neg bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("status %d, want %d", got, want)
	}
}

func scriptBytes(ts *testscript.TestScript, neg bool, args []string) {
	text, err := strconv.Unquote(`"` + args[1] + `"`)
	ts.Check(err)
	ts.Setenv(args[0], text)
}

func scriptMode(ts *testscript.TestScript, neg bool, args []string) {
	for _, file := range args[1:] {
		info, err := os.Lstat(ts.MkAbs(file))
		ts.Check(err)
		if got := fmt.Sprintf("%04o", info.Mode()&(fs.ModePerm|fs.ModeSetuid|fs.ModeSetgid)); got != args[0] {
			ts.Fatalf("%s has mode %s, want %s", file, got, args[0])
		}
	}
}

func scriptTouch(ts *testscript.TestScript, neg bool, args []string) {
	at, err := time.Parse(time.RFC3339Nano, args[0])
	ts.Check(err)
	for _, file := range args[1:] {
		ts.Check(os.Chtimes(ts.MkAbs(file), at, at))
	}
}

func scriptMtime(ts *testscript.TestScript, neg bool, args []string) {
	for _, file := range args[1:] {
		info, err := os.Lstat(ts.MkAbs(file))
		ts.Check(err)
		if got := info.ModTime().UTC().Format(time.RFC3339Nano); got != args[0] {
			ts.Fatalf("%s has time %s, want %s", file, got, args[0])
		}
	}
}

func scriptSame(ts *testscript.TestScript, neg bool, args []string) {
	a, err := describeTree(ts.MkAbs(args[0]))
	ts.Check(err)
	b, err := describeTree(ts.MkAbs(args[1]))
	ts.Check(err)
	if (a == b) == neg {
		ts.Fatalf("%s:\n%s\n%s:\n%s", args[0], a, args[1], b)
	}
}

// describeTree returns names, kinds, modes, times and contents below a path.
func describeTree(root string) (string, error) {
	var b strings.Builder
	err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		name := strings.TrimPrefix(path, root)
		if d.IsDir() {
			fmt.Fprintf(&b, "%q %v\n", name, info.Mode())
			return nil
		}
		content, err := os.ReadFile(path)
		fmt.Fprintf(&b, "%q %v %v %q\n", name, info.Mode(), info.ModTime().UnixNano(), content)
		return err
	})
	return b.String(), err
}

func scriptSize(ts *testscript.TestScript, neg bool, args []string) {
	n, err := strconv.Atoi(args[0])
	ts.Check(err)
	content := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{}).Read(content) // no block equals another
	ts.Check(os.WriteFile(ts.MkAbs(args[1]), content, 0o666))
}

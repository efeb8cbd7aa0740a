//go:build unix

package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"ftpd/internal/trial"
	"ftpd/internal/trial/fault"
)

// faultyCase is a command through a relay that damages one frame.
type faultyCase struct {
	args []string
	same [2]string // what has to be equal if it ends well: below here, and below the server's root
}

var faultyCases = map[string]faultyCase{
	"get":          {[]string{"get", "large"}, [2]string{"large", "large"}},
	"put":          {[]string{"put", "large", "up/large"}, [2]string{"large", "up/large"}},
	"get -r":       {[]string{"get", "-r", "-d", "down", "tree"}, [2]string{"down/tree", "tree"}},
	"put -r":       {[]string{"put", "-r", "-d", "up", "tree"}, [2]string{"tree", "up/tree"}},
	"ls -R":        {[]string{"ls", "-R", "tree"}, [2]string{}},
	"sum":          {[]string{"sum", "large"}, [2]string{}},
	"mirror":       {[]string{"mirror", "URL/tree", "mirrored"}, [2]string{"mirrored", "tree"}},
	"mirror there": {[]string{"mirror", "tree", "URL/mirrored"}, [2]string{"tree", "mirrored"}},
}

// sources makes a large file and a tree.
func sources(t *testing.T, dir string) {
	t.Helper()
	blocksOf(t, filepath.Join(dir, "large"), 900_000)
	for i := range 12 {
		name := filepath.Join(dir, "tree", fmt.Sprint("d", i%3), fmt.Sprint("f", i))
		check(t, os.MkdirAll(filepath.Dir(name), 0o755))
		blocksOf(t, name, i*i*i*200)
	}
}

// statusesOfDamage are those that damage on the way may lead to.
var statusesOfDamage = []status{statusOther, statusNetwork, statusIntegrity, statusSomeFailed, statusTimeout}

// Whatever happens to whatever frame, in either direction: the command ends well and
// right, or with an error that says so; then the same command finishes what was begun.
func TestEveryFaultOfEveryCommand(t *testing.T) {
	for name, c := range faultyCases {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for kind := range fault.Kind(fault.Kinds) {
				for _, frame := range []int{0, 1, 3} {
					for _, up := range []bool{false, true} {
						plan := fault.Plan{
							Seed: uint64(frame), Every: 1, Most: 1, Skip: frame, Kinds: []fault.Kind{kind},
							Up: up, Down: !up, Delay: 10 * time.Millisecond,
						}
						faulty(t, c, plan)
					}
				}
			}
		})
	}
}

func faulty(t *testing.T, c faultyCase, plan fault.Plan) {
	t.Helper()
	what := fmt.Sprintf("%v, %s of frame %d, up %t", c.args, plan.Kinds[0], plan.Skip, plan.Up)
	root, address := serveTemp(t)
	here := t.TempDir()
	sources(t, root)
	sources(t, here)
	relay, err := trial.NewRelay(address)
	check(t, err)
	defer relay.Close()
	relay.SetFilter(fault.New(plan).Filter)
	code, out, problems := runIn(t, here, relay.Address(), "1s", c.args)
	switch {
	case code == statusDone:
		checkFaulty(t, what, c, here, root, out)
		return
	case !slices.Contains(statusesOfDamage, code) || !strings.HasPrefix(problems, "ftpc: ") || strings.Contains(problems, "panic"):
		t.Errorf("%s: status %d: %s", what, code, problems)
	}
	relay.SetFilter(nil)
	if code, out, problems = runIn(t, here, relay.Address(), "30s", c.args); code != statusDone {
		t.Errorf("%s: then status %d: %s", what, code, problems)
		return
	}
	checkFaulty(t, what, c, here, root, out)
}

// runIn runs ftpc in a directory; it may not hang.
func runIn(t *testing.T, dir, address, patience string, args []string) (code status, out, problems string) {
	t.Helper()
	limited, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	line := []string{"-q", "--timeout", patience}
	for _, a := range args {
		line = append(line, strings.Replace(a, "URL", "ftpd://"+address, 1))
	}
	cmd := exec.CommandContext(limited, "ftpc", line...)
	cmd.Env = append(os.Environ(), "FTPC_SERVER="+address)
	cmd.Dir = dir
	var stdout, stderr strings.Builder
	cmd.Stdout, cmd.Stderr = &stdout, &stderr
	_ = cmd.Run() // the status tells
	if limited.Err() != nil {
		t.Fatalf("%v hangs: %s", args, stderr.String())
	}
	return status(cmd.ProcessState.ExitCode()), stdout.String(), stderr.String()
}

// checkFaulty looks at what came of a command that says that all is well.
func checkFaulty(t *testing.T, what string, c faultyCase, here, root, out string) {
	t.Helper()
	if c.same[0] != "" {
		_, err := trial.Compare(filepath.Join(here, c.same[0]), filepath.Join(root, c.same[1]), trial.Mode|trial.Mtime)
		if err != nil {
			t.Errorf("%s: status 0, and %v", what, err)
		}
		return
	}
	want := []string{"large\n"}
	if c.args[0] == "ls" {
		want = want[:0]
		for i := range 12 {
			want = append(want, fmt.Sprint("f", i, "\n"))
		}
	}
	for _, line := range want {
		if !strings.Contains(out, line) {
			t.Errorf("%s: %q is missing in %s", what, line, out)
		}
	}
}

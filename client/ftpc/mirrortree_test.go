//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
)

// mirrored is a mirror of a tree in one direction, run again and again.
type mirrored struct {
	t              *testing.T
	source, target string // directories
	from, to       string // the same as arguments
	address        string
}

// command returns the mirror command through an address.
func (m *mirrored) command(address string, flags ...string) *exec.Cmd {
	cmd := exec.CommandContext(m.t.Context(), "ftpc", slices.Concat([]string{"mirror", "-q"}, flags, []string{m.from, m.to})...)
	cmd.Env = append(os.Environ(), "FTPC_SERVER="+address)
	cmd.Stderr = new(bytes.Buffer)
	return cmd
}

// run runs it to an end with a status, and returns what --json printed.
func (m *mirrored) run(want status, flags ...string) []byte {
	m.t.Helper()
	cmd := m.command(m.address, append(flags, "--json")...)
	out, _ := cmd.Output() // the status is looked at
	if got := cmd.ProcessState.ExitCode(); got != int(want) {
		m.t.Fatalf("%v: status %d, want %d\n%s", flags, got, want, cmd.Stderr)
	}
	return out
}

// deeds returns what a run did, or would do, sorted; but for the directories made, of
// which a run does not tell.
func (m *mirrored) deeds(out []byte) []string {
	m.t.Helper()
	var deeds []string
	for line := range bytes.Lines(out) {
		if !bytes.HasPrefix(line, []byte(`{"type":"file"`)) {
			continue
		}
		var r fileRecord
		check(m.t, json.Unmarshal(line, &r))
		if r.Action != "mkdir" {
			deeds = append(deeds, fmt.Sprintf("%s %q", strings.TrimPrefix(r.Action, "copy"), r.Remote))
		}
	}
	slices.Sort(deeds)
	return deeds
}

// settle runs the mirror, after a dry run that must tell what it will do, and compares.
func (m *mirrored) settle(least int, flags ...string) {
	m.t.Helper()
	flags = append(flags, "--delete")
	planned := m.deeds(m.run(statusDone, append(flags, "-n")...))
	done := m.deeds(m.run(statusDone, flags...))
	if !slices.Equal(planned, done) || len(done) < least {
		m.t.Errorf("planned %q, done %q", planned, done)
	}
	m.compare()
	if left := m.deeds(m.run(statusDone, append(flags, "-n")...)); len(left) > 0 {
		m.t.Errorf("still to be done: %q", left)
	}
}

func (m *mirrored) compare() {
	m.t.Helper()
	a, err := describeTree(m.source)
	check(m.t, err)
	b, err := describeTree(m.target)
	check(m.t, err)
	if a != b {
		m.t.Errorf("the source has\n%.2000s\nand the target\n%.2000s", a, b)
	}
}

// stop starts a mirror, and ends it after so many bytes of the server.
func (m *mirrored) stop(after int64, signal os.Signal) {
	m.t.Helper()
	relay, stalled, release := stallAfter(m.t, m.address, after)
	defer release()
	cmd := m.command(relay)
	check(m.t, cmd.Start())
	<-stalled
	check(m.t, cmd.Process.Signal(signal))
	_ = cmd.Wait()
	if signal == os.Interrupt && cmd.ProcessState.ExitCode() != int(statusInterrupted) {
		m.t.Errorf("interrupted, it ended with %v: %s", cmd.ProcessState, cmd.Stderr)
	}
}

// growTree makes a tree of small files, of names that are hard, and of one large file.
func growTree(t *testing.T, top string) {
	t.Helper()
	write := func(name string, size int) {
		path := filepath.Join(top, name)
		check(t, os.MkdirAll(filepath.Dir(path), 0o755))
		check(t, os.WriteFile(path, bytes.Repeat([]byte(name+"\n"), size/(len(name)+1)+1), 0o644))
		at := time.Unix(1_700_000_000, int64(len(name))*1_000_003)
		check(t, os.Chtimes(path, at, at))
	}
	for i := range 400 {
		write(fmt.Sprintf("src/%02d/file-%03d", i/20, i), 1000+i)
	}
	write("large", 3<<20)
	write("- odd\nname \xff/"+strings.Repeat("n", 255), 10)
	write(strings.Repeat("deep/", 60)+"end", 10)
	check(t, os.MkdirAll(filepath.Join(top, "empty/emptier"), 0o755))
	check(t, os.Chmod(filepath.Join(top, "large"), 0o600))
}

// change does what happens to a tree in time.
func change(t *testing.T, top string) {
	t.Helper()
	in := func(name string) string { return filepath.Join(top, name) }
	check(t, os.WriteFile(in("src/00/file-000"), []byte("rewritten"), 0o644))
	check(t, os.Remove(in("src/01/file-020")))
	check(t, os.Rename(in("src/02/file-040"), in("src/02/renamed")))
	check(t, os.Rename(in("src/03"), in("moved")))
	check(t, os.RemoveAll(in("src/04")))
	check(t, os.WriteFile(in("src/04"), []byte("a file now"), 0o644))
	check(t, os.Remove(in("src/05/file-100")))
	check(t, os.Mkdir(in("src/05/file-100"), 0o755))
	check(t, os.WriteFile(in("src/05/file-100/inner"), nil, 0o644))
	check(t, os.RemoveAll(in("deep")))
	check(t, os.WriteFile(in("large"), bytes.Repeat([]byte("other "), 100_000), 0o600))
}

// A tree that is mirrored, interrupted, killed, mirrored again, changed and mirrored again
// is the same at both ends each time, and a dry run tells what the next one does.
func TestMirrorOfTree(t *testing.T) {
	for _, up := range []bool{true, false} {
		t.Run(map[bool]string{true: "up", false: "down"}[up], func(t *testing.T) {
			t.Parallel()
			root, address := serveTemp(t)
			here, there := filepath.Join(t.TempDir(), "here"), filepath.Join(root, "there")
			m := &mirrored{t: t, source: there, target: here, from: "ftpd:///there", to: here, address: address}
			stops := []int64{20_000, 400_000, 900_000}
			if up {
				m.source, m.target, m.from, m.to = here, there, here, "ftpd:///there"
				stops = []int64{400, 3000, 20_000}
			}
			growTree(t, m.source)
			m.stop(stops[0], os.Kill)
			m.stop(stops[1], os.Interrupt)
			m.stop(stops[2], os.Kill)
			m.settle(0) // the server may have stored all that it has not said
			change(t, m.source)
			m.run(statusOther, "--delete", "--max-delete", "3")
			m.settle(20)
			// What neither size nor time tells, content does.
			info, err := os.Stat(filepath.Join(m.source, "large"))
			check(t, err)
			check(t, os.WriteFile(filepath.Join(m.source, "large"), bytes.Repeat([]byte("again "), 100_000), 0o600))
			check(t, os.Chtimes(filepath.Join(m.source, "large"), info.ModTime(), info.ModTime()))
			if missed := m.deeds(m.run(statusDone)); len(missed) > 0 {
				t.Errorf("%q", missed)
			}
			m.settle(1, "--checksum")
		})
	}
}

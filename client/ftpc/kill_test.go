//go:build unix

package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"ftpd/internal/trial"
)

// killed is the trial of a copy whose programs are killed, again and again.
type killed struct {
	t      *testing.T
	relay  *trial.Relay
	root   string // served
	dir    string // where ftpc runs
	random *rand.Rand

	mu     sync.Mutex
	server *exec.Cmd
	client *exec.Cmd

	passed int64  // bytes through the relay, in all runs
	said   string // on standard error, in the last run
}

func newKilled(t *testing.T, seed uint64) *killed {
	t.Helper()
	k := &killed{t: t, root: t.TempDir(), dir: t.TempDir(), random: rand.New(rand.NewPCG(seed, 0))}
	relay, err := trial.NewRelay("")
	check(t, err)
	t.Cleanup(relay.Close)
	k.relay = relay
	k.serve()
	t.Cleanup(k.killServer)
	return k
}

// serve starts a server on the same directory.
func (k *killed) serve() {
	k.t.Helper()
	cmd := exec.Command("ftpd", "--root", k.root, "--listen", "127.0.0.1:0", "--log-level", "error")
	out, err := cmd.StdoutPipe()
	check(k.t, err)
	check(k.t, cmd.Start())
	k.mu.Lock()
	k.server = cmd
	k.mu.Unlock()
	line := make([]byte, 4096)
	n, err := out.Read(line)
	check(k.t, err)
	text := string(line[:n])
	k.relay.SetTarget(strings.TrimSpace(text[strings.LastIndex(text, " on ")+len(" on "):]))
}

func (k *killed) killServer() {
	k.mu.Lock()
	cmd := k.server
	k.mu.Unlock()
	_ = cmd.Process.Kill() // SIGKILL; it may have ended
	_ = cmd.Wait()
}

// run runs ftpc once. After so many bytes, 0 is never, the client or the server
// is killed with SIGKILL. It returns what ftpc says of the file, if it comes to
// an end.
func (k *killed) run(after int64, server bool, args ...string) (record map[string]any, ok bool) {
	k.t.Helper()
	cmd := exec.CommandContext(k.t.Context(), "ftpc", append([]string{"-q", args[0], "--json"}, args[1:]...)...)
	cmd.Env = append(os.Environ(), "FTPC_SERVER="+k.relay.Address())
	cmd.Dir = k.dir
	var out, errors bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errors
	k.relay.CutAfter(after, func() {
		k.mu.Lock()
		defer k.mu.Unlock()
		victim := k.client
		if server {
			victim = k.server
		}
		_ = victim.Process.Kill() // it may have ended
	})
	k.mu.Lock()
	k.client = cmd
	check(k.t, cmd.Start())
	k.mu.Unlock()
	err := cmd.Wait()
	k.said = errors.String()
	passed := k.relay.Passed()
	if after > 0 {
		passed = min(passed, after)
	}
	k.passed += passed
	if server && after > 0 && k.relay.Passed() >= after {
		k.killServer()
		k.serve()
	}
	if err != nil {
		if after == 0 || k.relay.Passed() < after {
			k.t.Fatalf("nobody was killed: %v, %s", err, errors.String())
		}
		return nil, false
	}
	check(k.t, json.NewDecoder(&out).Decode(&record))
	return record, true
}

// loop kills until the copy is there, and returns how often and how much was
// sent in vain.
func (k *killed) loop(size, kills int, args ...string) {
	k.t.Helper()
	count := 0
	for ; ; count++ {
		// So that about as many kills are needed as are wanted.
		after := int64(size)/int64(kills)/2 + k.random.Int64N(int64(size)/int64(kills))
		record, ok := k.run(after, k.random.IntN(2) == 0, args...)
		if ok {
			if record["resumed"] == nil {
				k.t.Errorf("the last run began anew: %v", record)
			}
			break
		}
		if count > 20*kills {
			k.t.Fatal("it does not come to an end")
		}
	}
	again := 100 * float64(k.passed-int64(size)) / float64(size)
	k.t.Logf("%s: %d kills, %.1f %% sent again", args[0], count, again)
	if count < kills/2 {
		k.t.Errorf("%d kills", count)
	}
}

// blocksOf makes a file of which no two blocks are the same.
func blocksOf(t *testing.T, name string, size int) []byte {
	t.Helper()
	content := make([]byte, size)
	source := rand.NewChaCha8([32]byte{byte(size)})
	_, _ = source.Read(content) // it never fails
	check(t, os.WriteFile(name, content, 0o640))
	return content
}

func wantFile(t *testing.T, name string, want []byte) {
	t.Helper()
	if got, err := os.ReadFile(name); err != nil || !bytes.Equal(got, want) {
		t.Errorf("%s has %d bytes, and not the right ones: %v", name, len(got), err)
	}
}

// killSize is the file of these tests, and kills how often about the programs
// are killed while it is copied.
const (
	killSize = 96<<20 + 7
	kills    = 24
)

// A get comes to its end whatever is killed on the way, and leaves nothing else.
func TestKilledGets(t *testing.T) {
	k := newKilled(t, 1)
	content := blocksOf(t, filepath.Join(k.root, "big"), killSize)
	k.loop(killSize, kills, "get", "big")
	wantFile(t, filepath.Join(k.dir, "big"), content)
	entries, err := os.ReadDir(k.dir)
	if err != nil || len(entries) != 1 {
		t.Errorf("%v are left, %v", entries, err)
	}
}

// So does a put.
func TestKilledPuts(t *testing.T) {
	k := newKilled(t, 2)
	content := blocksOf(t, filepath.Join(k.dir, "big"), killSize)
	k.loop(killSize, kills, "put", "big")
	wantFile(t, filepath.Join(k.root, "big"), content)
	k.killServer()
	k.serve() // sweeps
	left, err := filepath.Glob(filepath.Join(k.root, ".ftpd-staging", "*", "*"))
	if err != nil || len(left) != 0 {
		t.Errorf("%q are left, %v", left, err)
	}
}

// One kill of each program in the middle: the second run has less to do.
func TestKilledOnce(t *testing.T) {
	const size = 32 << 20
	for _, op := range []string{"get", "put"} {
		for _, victim := range []string{"client", "server"} {
			t.Run(fmt.Sprint(op, " ", victim), func(t *testing.T) {
				k := newKilled(t, 3)
				from, to := k.root, k.dir
				if op == "put" {
					from, to = to, from
				}
				content := blocksOf(t, filepath.Join(from, "big"), size)
				if _, ok := k.run(size*3/4, victim == "server", op, "big"); ok {
					t.Fatal("it was not killed")
				}
				k.passed = 0
				record, ok := k.run(0, false, op, "big")
				resumed, _ := record["resumed"].(float64)
				if !ok || resumed <= 0 || k.passed > size-int64(resumed)+256<<10 {
					t.Errorf("%.0f were resumed, %d passed", resumed, k.passed)
				}
				wantFile(t, filepath.Join(to, "big"), content)
			})
		}
	}
}

// A source that changed after the kill is copied anew, and one line says so.
func TestKilledAndChanged(t *testing.T) {
	const size = 16 << 20
	for _, op := range []string{"get", "put"} {
		t.Run(op, func(t *testing.T) {
			k := newKilled(t, 4)
			from, to := k.root, k.dir
			if op == "put" {
				from, to = to, from
			}
			blocksOf(t, filepath.Join(from, "big"), size)
			if _, ok := k.run(size*3/4, false, op, "big"); ok {
				t.Fatal("it was not killed")
			}
			content := blocksOf(t, filepath.Join(from, "big"), size+1)
			record, ok := k.run(0, false, op, "big")
			want := "ftpc: " + op + " big: it has changed since a part of it was transferred, and was transferred anew\n"
			if !ok || record["resumed"] != nil || k.said != want {
				t.Errorf("%v, and it said %q", record, k.said)
			}
			wantFile(t, filepath.Join(to, "big"), content)
		})
	}
}

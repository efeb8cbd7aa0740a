//go:build unix

package homes

import (
	"bufio"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"sync"
	"testing"

	"ftpd/server/storage"
	"ftpd/server/storage/storagetest"

	"go.uber.org/goleak"
)

// childVariable names the root that TestMain serves in place of the tests.
const childVariable = "HOMES_TEST_CHILD"

// TestMain is also the program that TestKilled starts and kills.
func TestMain(m *testing.M) {
	if root := os.Getenv(childVariable); root != "" {
		child(root)
	}
	goleak.VerifyTestMain(m)
}

var killedQuota = Quota{Bytes: 3000, Files: 25}

// child does at random what users do, says a line for each hundred things, and does not end.
func child(root string) {
	h, err := Open(root, Options{Make: true})
	if err != nil {
		panic(err)
	}
	s, _, err := h.Acquire("ann", killedQuota)
	if err != nil {
		panic(err)
	}
	var group sync.WaitGroup
	for n := range uint64(8) {
		group.Go(func() {
			u := user{storage: s, random: rand.New(rand.NewPCG(rand.Uint64(), n)), id: n}
			for i := 0; ; i++ {
				_ = acts[u.random.IntN(len(acts))](&u, nil)
				if i%100 == 99 {
					fmt.Println(i)
				}
			}
		})
	}
	group.Wait()
}

// A server that is killed in the midst of everything leaves what the next one counts.
func TestKilled(t *testing.T) {
	root := t.TempDir()
	for range 5 {
		program := exec.Command(os.Args[0])
		program.Env = append(os.Environ(), childVariable+"="+root)
		output, err := program.StdoutPipe()
		check(t, err)
		check(t, program.Start())
		lines := bufio.NewScanner(output)
		for range 3 {
			if !lines.Scan() {
				t.Error("the program ended by itself")
			}
		}
		check(t, program.Process.Kill())
		_ = program.Wait() // it was killed

		h := open(t, root, Options{})
		s := acquire(t, h, "ann", killedQuota)
		books := accountOf(t, h, s)
		wantBooks(t, s, books)
		if books.stored.Bytes > 2*killedQuota.Bytes {
			t.Errorf("%+v is stored, of %+v", books.stored, killedQuota)
		}
		for _, entry := range storagetest.Walk(t, s, storage.Root, false) {
			if entry.Path == "a" || entry.Path == "b" {
				_, err := s.Remove(t.Context(), storage.Path(entry.Path), true)
				check(t, err)
			}
		}
		wantBooks(t, s, books)
		check(t, h.Close())
	}
}

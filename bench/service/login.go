//go:build linux

package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"time"

	"ftpd/internal/trial"
	"ftpd/protocol"
)

const (
	goodUser     = "good"
	goodPassword = "sesame"
	// loginPace is how long after a wrong password the next guess begins: the first has been
	// decided by then, and waits for its answer to be late enough.
	loginPace = 150 * time.Millisecond
	// oneMore is a difference that the measurement should see.
	oneMore = time.Millisecond
)

// loginWorld is an ftpd inside TLS, with users.
type loginWorld struct {
	*trial.Server
	dir        string
	own, other ed25519.PrivateKey
	next       int // address to come from
}

func newLoginWorld(bin string) (*loginWorld, error) {
	dir, err := os.MkdirTemp("", "service")
	if err != nil {
		return nil, err
	}
	w := &loginWorld{dir: dir}
	if err := w.start(bin); err != nil {
		w.end()
		return nil, err
	}
	return w, nil
}

func (w *loginWorld) start(bin string) error {
	var err, otherErr error
	_, w.own, err = ed25519.GenerateKey(rand.Reader)
	_, w.other, otherErr = ed25519.GenerateKey(rand.Reader)
	root, users, secret := filepath.Join(w.dir, "root"), filepath.Join(w.dir, "users"), filepath.Join(w.dir, "secret")
	if err := errors.Join(err, otherErr, os.Mkdir(root, 0o700), os.WriteFile(secret, []byte(goodPassword), 0o600),
		os.WriteFile(filepath.Join(root, smallFile), nil, 0o600)); err != nil {
		return err
	}
	add := exec.Command(filepath.Join(bin, "ftpd"), "user", "add", goodUser, "--users", users, "--password-file", secret)
	if out, err := add.CombinedOutput(); err != nil {
		return fmt.Errorf("ftpd user add: %w %s", err, out)
	}
	if err := appendUsers(users, w.own); err != nil {
		return err
	}
	w.Server, err = trial.StartServer(bin, root, "--tls", "--state-dir", filepath.Join(w.dir, "state"),
		"--users", users, "--login-failures", "0", "--log-level", "error")
	return err
}

func (w *loginWorld) end() {
	if w.Server != nil {
		_, _ = w.Stop() // what it says of its end is of no interest
	}
	_ = os.RemoveAll(w.dir)
}

// measureLogin prints how long logins take that fail, n of each sort, and whether time tells
// one from another; then how a user who is inside fares beside a flood of them.
func measureLogin(ctx context.Context, s settings, out io.Writer) error {
	w, err := newLoginWorld(s.bin)
	if err != nil {
		return err
	}
	defer w.end()
	list := guesses(w.own, w.other)
	times, err := w.guessInTurns(ctx, list, s.logins)
	if err != nil {
		return err
	}
	printGuesses(out, list, times)
	return w.measureFlood(ctx, s, out)
}

// guessInTurns has each sort of guess fail n times, each time in another order.
func (w *loginWorld) guessInTurns(ctx context.Context, list []guess, n int) ([][]time.Duration, error) {
	times := make([][]time.Duration, len(list))
	var mu sync.Mutex
	var failure error
	var group sync.WaitGroup
	for range n {
		for _, i := range mathrand.Perm(len(list)) {
			c, exporter, err := dialFrom(w.Address, w.next)
			if err != nil {
				return nil, err
			}
			w.next++
			frame := protocol.Append(nil, 1, list[i].message(exporter))
			group.Go(func() {
				defer c.Close()
				took, err := c.fails(frame)
				mu.Lock()
				defer mu.Unlock()
				times[i] = append(times[i], took)
				failure = errors.Join(failure, err)
			})
			if list[i].kind == passwords {
				time.Sleep(loginPace)
			}
			if ctx.Err() != nil {
				return nil, ctx.Err()
			}
		}
	}
	group.Wait()
	return times, failure
}

// fails tries to log in, and returns how long it took to hear that this has failed.
func (c *conn) fails(frame []byte) (time.Duration, error) {
	begun := time.Now()
	f, err := c.first(frame)
	took := time.Since(begun)
	if err != nil {
		return took, err
	}
	if m, err := protocol.Decode[protocol.Error](f); err != nil || m.Code != protocol.Auth {
		return took, fmt.Errorf("a login with a wrong secret was answered with %s %s", f.Opcode, m.Message)
	}
	return took, nil
}

// printGuesses prints a table. Sorts of one kind are compared with the first of it.
func printGuesses(out io.Writer, list []guess, times [][]time.Duration) {
	_, _ = fmt.Fprintln(out, "| login by | of an | logins | p25, ms | p50, ms | p75, ms | longer than of an unknown user | by chance | 1 ms would be |")
	_, _ = fmt.Fprintln(out, "|---|---|---:|---:|---:|---:|---:|---:|---:|")
	ms := func(d time.Duration) float64 { return d.Seconds() * 1000 }
	unknown := 0
	for i, g := range list {
		if g.kind != list[unknown].kind {
			unknown = i
		}
		q := quartiles(times[i])
		_, _ = fmt.Fprintf(out, "| %s | %s | %d | %.2f | %.2f | %.2f |", g.kind, g.name, len(times[i]), ms(q[0]), ms(q[1]), ms(q[2]))
		if i == unknown {
			_, _ = fmt.Fprintln(out, " | | |")
			continue
		}
		by := chance(len(times[i]), len(times[unknown]))
		_, _ = fmt.Fprintf(out, " %.3f | %.3f to %.3f | %.3f |\n", auc(times[i], times[unknown]), 0.5-by, 0.5+by,
			auc(later(times[unknown], oneMore), times[unknown]))
	}
}

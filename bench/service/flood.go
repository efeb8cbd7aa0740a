//go:build linux

package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"ftpd/protocol"
)

const (
	floodAddresses = 100
	floodEach      = 3 // connections of an address
	floodLogins    = 20
)

// measureFlood prints how long a stat takes of a user who is inside, and a login of one who
// comes, on an idle server and beside a flood of wrong passwords, and the server's memory.
func (w *loginWorld) measureFlood(ctx context.Context, s settings, out io.Writer) error {
	_, _ = fmt.Fprintln(out, "\n| beside | stats | p50, ms | p99, ms | logins | p50, ms | max, ms | refused | resident at most, MiB |")
	_, _ = fmt.Fprintln(out, "|---|---:|---:|---:|---:|---:|---:|---:|---:|")
	if err := w.besideFlood(ctx, s, "nothing", out); err != nil {
		return err
	}
	flood, _, err := child("-flood", w.Address)
	if err != nil {
		return err
	}
	defer flood.stop()
	return w.besideFlood(ctx, s, fmt.Sprintf("wrong passwords over %d connections", floodAddresses*floodEach), out)
}

func (w *loginWorld) besideFlood(ctx context.Context, s settings, name string, out io.Writer) error {
	inside, _, _, err := w.enter()
	if err != nil {
		return err
	}
	defer inside.Close()
	times, err := inside.stats(ctx, s.seconds)
	if err != nil {
		return err
	}
	var logins []time.Duration
	refused := 0
	for range floodLogins {
		c, took, busy, err := w.enter()
		if err != nil {
			return err
		}
		_ = c.Close() // nothing was written
		logins, refused = append(logins, took), refused+busy
	}
	high, err := highWater(w.PID())
	if err != nil {
		return err
	}
	slices.Sort(times)
	slices.Sort(logins)
	at := func(list []time.Duration, share float64) float64 {
		return list[int(share*float64(len(list)-1))].Seconds() * 1000
	}
	_, _ = fmt.Fprintf(out, "| %s | %d | %.2f | %.2f | %d | %.1f | %.1f | %d | %d |\n", name, len(times), at(times, 0.5), at(times, 0.99),
		len(logins), at(logins, 0.5), at(logins, 1), refused, high>>10)
	return nil
}

// enter logs in, from an address that has not failed; how often it was told to come again is
// busy.
func (w *loginWorld) enter() (c *conn, took time.Duration, busy int, err error) {
	c, _, err = dialFrom(w.Address, w.next)
	if err != nil {
		return nil, 0, 0, err
	}
	w.next++
	login := protocol.Append(nil, 1, protocol.Authenticate{Method: protocol.Password, User: goodUser, Credential: []byte(goodPassword)})
	begun := time.Now()
	for {
		f, err := c.first(login)
		if err == nil && f.Opcode == protocol.OpOK {
			return c, time.Since(begun), busy, nil
		}
		if m, decodeErr := protocol.Decode[protocol.Error](f); err != nil || decodeErr != nil || m.Code != protocol.Busy {
			return nil, 0, busy, errors.Join(err, fmt.Errorf("a login was answered with %s %s", f.Opcode, m.Message))
		}
		busy++
	}
}

// highWater returns the most memory that a process has had resident, in KiB.
func highWater(pid int) (int, error) {
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(status), "VmHWM:")
	return strconv.Atoi(strings.Fields(rest)[0])
}

// flood sends wrong passwords over many connections until standard input ends, each as soon
// as the one before was answered. It is ready once every address has failed. None of them is
// one of loginWorld.
func flood(address string, stdin io.Reader, out io.Writer) error {
	const first = 1 << 20 // behind all that loginWorld comes from
	var failing sync.WaitGroup
	var conns []*conn
	defer func() {
		for _, c := range conns {
			_ = c.Close() // nobody waits for an answer
		}
	}()
	for i := range floodAddresses * floodEach {
		c, _, err := dialFrom(address, first+i%floodAddresses)
		if err != nil {
			return err
		}
		conns = append(conns, c)
		failed := func() {}
		if i < floodAddresses {
			failing.Add(1)
			failed = sync.OnceFunc(failing.Done)
		}
		go c.keepGuessing(failed)
	}
	failing.Wait()
	_, _ = fmt.Fprintln(out, "flooding")
	_, _ = io.Copy(io.Discard, stdin)
	return nil
}

// keepGuessing sends wrong passwords until the connection ends; failed is called for each
// that was decided.
func (c *conn) keepGuessing(failed func()) {
	defer failed()
	guess := protocol.Append(nil, 1, protocol.Authenticate{Method: protocol.Password, User: goodUser, Credential: []byte("a wrong guess")})
	for {
		f, err := c.first(guess)
		if err != nil {
			return
		}
		if m, err := protocol.Decode[protocol.Error](f); err == nil && m.Code == protocol.Auth {
			failed()
		}
	}
}

//go:build linux

package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"time"

	"ftpd/internal/trial"
)

// settle is how long a server is given to return what it needs no more: free
// buffers go after five seconds, and the runtime returns memory in its own time.
const settle = 10 * time.Second

// measureIdle prints what a connection costs the server that has had its requests
// served and is idle now, for each number of them.
func measureIdle(ctx context.Context, bin string, counts []int, out io.Writer) error {
	_, _ = fmt.Fprintln(out, "| idle connections | resident before, KiB | with them, KiB | each, bytes |")
	_, _ = fmt.Fprintln(out, "|---:|---:|---:|---:|")
	for _, n := range counts {
		before, after, err := idle(ctx, bin, n)
		if err != nil {
			return fmt.Errorf("%d idle connections: %w", n, err)
		}
		_, _ = fmt.Fprintf(out, "| %d | %d | %d | %d |\n", n, before, after, (after-before)*1024/n)
	}
	return nil
}

// idle returns the resident memory of a server before and with n connections, in KiB.
func idle(ctx context.Context, bin string, n int) (before, after int, err error) {
	root, err := os.MkdirTemp("", "service")
	if err != nil {
		return 0, 0, err
	}
	defer os.RemoveAll(root)
	if err := os.WriteFile(filepath.Join(root, "f"), make([]byte, 100<<10), 0o600); err != nil {
		return 0, 0, err
	}
	server, err := trial.StartServer(bin, root, "--max-clients", strconv.Itoa(n+16), "--idle-timeout", "1h")
	if err != nil {
		return 0, 0, err
	}
	defer server.Stop() // what it says of its end is of no interest
	if err := warm(server.Address); err != nil {
		return 0, 0, err
	}
	if before, err = resident(ctx, server.PID()); err != nil {
		return 0, 0, err
	}
	conns, err := open(server.Address, n)
	defer func() {
		for _, c := range conns {
			_ = c.Close() // nothing was written
		}
	}()
	if err != nil {
		return 0, 0, err
	}
	after, err = resident(ctx, server.PID())
	return before, after, err
}

// warm has the server do once what each connection asks of it.
func warm(address string) error {
	conns, err := open(address, 64)
	for _, c := range conns {
		_ = c.Close() // nothing was written
	}
	return err
}

// open opens connections, each of which has a request served: so each had what a
// busy one has, and gave it back.
func open(address string, n int) ([]*conn, error) {
	const atOnce = 64
	var (
		mu    sync.Mutex
		conns []*conn
		first error
		group sync.WaitGroup
	)
	for worker := range atOnce {
		group.Go(func() {
			for i := worker; i < n; i += atOnce {
				c, err := dial(address, i)
				if err == nil {
					err = c.get("f")
				}
				mu.Lock()
				if c != nil {
					conns = append(conns, c)
				}
				if err != nil && first == nil {
					first = err
				}
				failed := first != nil
				mu.Unlock()
				if failed {
					return
				}
			}
		})
	}
	group.Wait()
	return conns, first
}

// resident returns the resident memory of a process once it has settled, in KiB.
func resident(ctx context.Context, pid int) (int, error) {
	select {
	case <-time.After(settle):
	case <-ctx.Done():
		return 0, ctx.Err()
	}
	status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
	if err != nil {
		return 0, err
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	return strconv.Atoi(strings.Fields(rest)[0])
}

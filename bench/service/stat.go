//go:build linux

package main

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"ftpd/protocol"
	"ftpd/server/reactor"
	"ftpd/server/session"
	"ftpd/server/storage"
	"ftpd/server/storage/faulty"
	"ftpd/server/storage/local"
)

const (
	downloads = 8               // connections that download without a pause
	slowOpens = 64              // requests that wait for the slow disk at any time
	slowOpen  = 2 * time.Second // what it takes for each
	slowFile  = "slow"
	largeFile = "large"
	largeSize = 64 << 20 // bytes
	smallFile = "small"
)

// measureStat prints how long a stat takes on an idle server, beside downloads, beside a
// slow disk, beside both, and beside slow clients; and how long a bare echo takes beside
// the same downloads, which is what the machine itself adds: it has to run the clients too.
func measureStat(ctx context.Context, s settings, out io.Writer) error {
	root, err := os.MkdirTemp("", "service")
	if err != nil {
		return err
	}
	defer os.RemoveAll(root)
	if err := makeFiles(root); err != nil {
		return err
	}
	_, _ = fmt.Fprintln(out, "| a stat beside | stats | p50, ms | p99, ms | max, ms |")
	_, _ = fmt.Fprintln(out, "|---|---:|---:|---:|---:|")
	for _, c := range besides(s.slow) {
		times, err := stats(ctx, s, root, c)
		if err != nil {
			return fmt.Errorf("stat beside %s: %w", c.name, err)
		}
		slices.Sort(times)
		at := func(share float64) float64 { return times[int(share*float64(len(times)-1))].Seconds() * 1000 }
		_, _ = fmt.Fprintf(out, "| %s | %d | %.2f | %.2f | %.2f |\n", c.name, len(times), at(0.5), at(0.99), at(1))
	}
	return nil
}

// beside is what else a server has to do.
type beside struct {
	name  string
	echo  bool // ask an echo of a byte, and not the server
	load  bool // downloads
	disk  bool // opens of a slow disk
	slows int  // slow clients
}

func besides(slows int) []beside {
	list := []beside{
		{name: "nothing"},
		{name: fmt.Sprintf("%d downloads", downloads), load: true},
		{name: fmt.Sprintf("%d downloads, a bare echo", downloads), load: true, echo: true},
		{name: fmt.Sprintf("%d opens of %v each", slowOpens, slowOpen), disk: true},
		{name: "both", load: true, disk: true},
	}
	if slows > 0 {
		list = append(list, beside{name: fmt.Sprintf("%d clients of a byte a second", slows), slows: slows})
	}
	return list
}

// makeFiles makes what is served. The large file is small enough to stay in the system's cache,
// for what is measured is the server and no disk, and has no holes: a kernel that reads ahead
// in those fills megabytes of memory at once, and holds up all that wants its processor.
func makeFiles(root string) error {
	for name, size := range map[string]int{largeFile: largeSize, smallFile: 1, slowFile: 1} {
		if err := os.WriteFile(filepath.Join(root, name), bytes.Repeat([]byte{1}, size), 0o600); err != nil {
			return err
		}
	}
	return nil
}

// stats returns how long each stat took.
func stats(ctx context.Context, s settings, root string, b beside) ([]time.Duration, error) {
	server, address, err := child("-serve", root)
	if err != nil {
		return nil, err
	}
	defer server.stop()
	if b.load {
		loader, _, err := child("-load", address)
		if err != nil {
			return nil, err
		}
		defer loader.stop()
	}
	if b.slows > 0 {
		slow, _, err := child("-dribble", fmt.Sprintf("%d@%s", b.slows, address))
		if err != nil {
			return nil, err
		}
		defer slow.stop()
	}
	if b.disk {
		c, err := dial(address, 0)
		if err != nil {
			return nil, err
		}
		defer c.Close()
		go c.keepOpening(slowFile)
	}
	if b.echo {
		return echoes(ctx, s.seconds)
	}
	c, err := dial(address, 0)
	if err != nil {
		return nil, err
	}
	defer c.Close()
	return c.stats(ctx, s.seconds)
}

// stats asks for one file again and again.
func (c *conn) stats(ctx context.Context, lasting time.Duration) ([]time.Duration, error) {
	request := protocol.Append(nil, 1, protocol.Stat{Path: smallFile})
	return repeat(ctx, lasting, func() error {
		_, err := c.exchange(request, protocol.OpMeta)
		return err
	})
}

// repeat asks again and again, a millisecond after each answer, and returns how long each took.
func repeat(ctx context.Context, lasting time.Duration, ask func() error) (times []time.Duration, err error) {
	for end := time.Now().Add(lasting); time.Now().Before(end) && ctx.Err() == nil; {
		begun := time.Now()
		if err := ask(); err != nil {
			return nil, err
		}
		times = append(times, time.Since(begun))
		time.Sleep(time.Millisecond)
	}
	return times, ctx.Err()
}

// keepOpening has slowOpens GETs of a file in flight, until the connection ends.
func (c *conn) keepOpening(path string) {
	get := func(id uint32) []byte {
		return protocol.Append(nil, id, protocol.Get{Length: protocol.SizeUnknown, Path: path})
	}
	for id := range uint32(slowOpens - 1) {
		if _, err := c.Write(get(id + 1)); err != nil {
			return
		}
	}
	for id := uint32(slowOpens); ; { // one more for each that ended, by its number
		f, err := c.exchange(get(id), protocol.OpEnd)
		if err != nil {
			return
		}
		id = f.Request
	}
}

// process is a child that ends when its standard input does.
type process struct {
	cmd   *exec.Cmd
	stdin io.Closer
}

func (p *process) stop() {
	_ = p.stdin.Close()
	_ = p.cmd.Wait() // it is of no use any more, whatever it says
}

// child runs this program again, and returns the line that it prints when it is ready.
func child(mode, argument string) (*process, string, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, "", err
	}
	p := &process{cmd: exec.Command(self, mode, argument)}
	p.cmd.Stderr = os.Stderr
	p.stdin, err = p.cmd.StdinPipe()
	stdout, outErr := p.cmd.StdoutPipe()
	if err := errors.Join(err, outErr); err != nil {
		return nil, "", err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, "", err
	}
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		p.stop()
		return nil, "", fmt.Errorf("%s %s: %w", mode, argument, err)
	}
	return p, strings.TrimSpace(line), nil
}

// serve serves a directory of which one file is slow to open, as ftpd would.
func serve(root string, stdin io.Reader, out io.Writer) error {
	store, err := local.Open(root, local.Options{NoSync: true})
	if err != nil {
		return err
	}
	slow := func(op faulty.Op, path storage.Path) error {
		if op == faulty.Open && path == slowFile {
			time.Sleep(slowOpen)
		}
		return nil
	}
	logger := slog.New(slog.DiscardHandler)
	sessions := session.NewFactory(session.Config{Storage: faulty.New(store, faulty.Hooks{Before: slow, Cached: true}), Logger: logger})
	fd, address, err := reactor.Listen(netip.MustParseAddrPort("127.0.0.1:0"))
	if err != nil {
		return err
	}
	loop, err := reactor.New(fd, reactor.Config{NewSession: sessions.Session, Logger: logger})
	if err != nil {
		return err
	}
	go func() {
		_, _ = io.Copy(io.Discard, stdin)
		loop.Abort()
	}()
	_, _ = fmt.Fprintln(out, address)
	return errors.Join(loop.Run(), store.Close())
}

// download keeps a server busy from several connections until standard input ends.
func download(address string, stdin io.Reader) error {
	var group sync.WaitGroup
	var conns []*conn
	for i := range downloads {
		c, err := dial(address, i)
		if err != nil {
			return err
		}
		conns = append(conns, c)
		group.Go(func() { _ = c.flood(largeFile) }) // it ends with an error
	}
	fmt.Println("loading")
	_, _ = io.Copy(io.Discard, stdin)
	for _, c := range conns {
		_ = c.Close()
	}
	group.Wait()
	return nil
}

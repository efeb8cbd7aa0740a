//go:build linux

package models

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"ftpd/bench/iomodels/proc"
)

const (
	// asServer makes this test program a server of the model it names.
	asServer = "IOMODELS_TEST_SERVE"
	// patience is for what should take no time, on a machine with much else to do.
	patience = 30 * time.Second
	// slow is what a heavy request takes here.
	slow = 200 * time.Millisecond
)

func TestMain(m *testing.M) {
	if name := os.Getenv(asServer); name != "" {
		fmt.Fprintln(os.Stderr, serveForTest(name))
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func serveForTest(name string) error {
	m, ok := Find(name)
	if !ok {
		return fmt.Errorf("no model %q", name)
	}
	fd, address, err := Listen()
	if err != nil {
		return err
	}
	fmt.Println(address)
	return m.Serve(Server{Listener: fd, Handle: Heavy(slow), Note: func(format string, args ...any) {
		fmt.Fprintf(os.Stderr, format+"\n", args...)
	}})
}

// server is a model in a process of its own: none can be stopped otherwise.
type server struct {
	model   string
	address string
	pid     int
}

// start runs a model until the test ends, and skips the test where this kernel
// lacks what the model needs. Anything else that it prints to standard error fails
// the test: a race, a panic, an error.
func start(t *testing.T, model string) server {
	t.Helper()
	var printed bytes.Buffer
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), asServer+"="+model)
	cmd.Stderr = &printed
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	end := sync.OnceFunc(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	unavailable := false
	t.Cleanup(func() {
		end()
		if printed.Len() > 0 && !unavailable {
			t.Errorf("the server says: %s", printed.String())
		}
	})
	line, err := bufio.NewReader(stdout).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	s := server{model, strings.TrimSpace(line), cmd.Process.Pid}
	if err := s.exchange(); err != nil {
		end()
		if unavailable = strings.HasPrefix(printed.String(), ErrUnavailable.Error()); unavailable {
			t.Skipf("%s: %s", model, printed.String())
		}
		t.Fatal(err)
	}
	return s
}

// exchange fails if the model has ended.
func (s server) exchange() error {
	conn, err := net.Dial("tcp", s.address)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		return err
	}
	if _, err := conn.Write([]byte("x")); err != nil {
		return err
	}
	_, err = io.ReadFull(conn, make([]byte, 1))
	return err
}

// dial connects; what takes too long fails.
func (s server) dial(t *testing.T) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", s.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return conn.(*net.TCPConn)
}

func say(t *testing.T, conn net.Conn, text string) {
	t.Helper()
	if _, err := io.WriteString(conn, text); err != nil {
		t.Fatal(err)
	}
}

func hear(t *testing.T, conn net.Conn, want string) {
	t.Helper()
	got := make([]byte, len(want))
	if _, err := io.ReadFull(conn, got); err != nil {
		t.Fatalf("%v, after %q", err, got)
	}
	if string(got) != want {
		t.Fatalf("got %.80q, want %.80q", got, want)
	}
}

// TestModels holds every model to the same behaviour.
func TestModels(t *testing.T) {
	cases := []struct {
		name string
		run  func(*testing.T, server)
	}{
		{"answers in upper case", testAnswers},
		{"leaves all but ASCII letters alone", testEveryByte},
		{"answers each byte", testByteByByte},
		{"answers a megabyte", testMegabyte},
		{"answers what came before the end", testHalfClose},
		{"serves many", testMany},
		{"is not held up by who does not read", testNoReader},
		{"survives a reset", testReset},
		{"closes what it opened", testDescriptors},
	}
	for _, m := range append(All(), Variants()...) {
		t.Run(m.Name, func(t *testing.T) {
			t.Parallel()
			s := start(t, m.Name)
			for _, c := range cases {
				t.Run(c.name, func(t *testing.T) { c.run(t, s) })
			}
		})
	}
}

func testAnswers(t *testing.T, s server) {
	conn := s.dial(t)
	for _, word := range []string{"hello, world\n", "A1b2\n", "\n"} {
		say(t, conn, word)
		hear(t, conn, strings.ToUpper(word))
	}
}

func testEveryByte(t *testing.T, s server) {
	conn := s.dial(t)
	var sent, want []byte
	for b := range 256 {
		sent, want = append(sent, '.', byte(b)), append(want, '.', byte(b))
		if 'a' <= b && b <= 'z' {
			want[len(want)-1] = byte(b) - 32
		}
	}
	say(t, conn, string(sent))
	hear(t, conn, string(want))
}

func testByteByByte(t *testing.T, s server) {
	conn := s.dial(t)
	for _, b := range "slowly\n" {
		say(t, conn, string(b))
		hear(t, conn, strings.ToUpper(string(b)))
	}
}

// A megabyte is more than the buffers of the sockets hold, so that reading and
// writing take turns; each piece is another, so that the order shows.
func testMegabyte(t *testing.T, s server) {
	conn := s.dial(t)
	text := numbers(1 << 20)
	failed := make(chan error, 1)
	go func() {
		_, err := io.WriteString(conn, text)
		failed <- err
	}()
	hear(t, conn, strings.ToUpper(text))
	if err := <-failed; err != nil {
		t.Fatal(err)
	}
}

func numbers(size int) string {
	var text strings.Builder
	for i := 0; text.Len() < size; i++ {
		text.WriteString("line " + strconv.Itoa(i) + "\n")
	}
	return text.String()
}

func testHalfClose(t *testing.T, s server) {
	conn := s.dial(t)
	text := numbers(100_000)
	say(t, conn, text)
	if err := conn.CloseWrite(); err != nil {
		t.Fatal(err)
	}
	got, err := io.ReadAll(conn)
	if want := strings.ToUpper(text); err != nil || string(got) != want {
		t.Errorf("%d bytes and %v, want %d", len(got), err, len(text))
	}
}

func testMany(t *testing.T, s server) {
	var conns []net.Conn
	for range 100 {
		conns = append(conns, s.dial(t))
	}
	for range 3 {
		for i, conn := range conns {
			say(t, conn, "client "+strconv.Itoa(i))
		}
		for i, conn := range slices.Backward(conns) {
			hear(t, conn, "CLIENT "+strconv.Itoa(i))
		}
	}
	for _, conn := range conns {
		conn.Close()
	}
}

// testNoReader writes until the server takes no more, and leaves the answers.
// Others are served all the same, and nothing of it is lost.
func testNoReader(t *testing.T, s server) {
	stubborn, other := s.dial(t), s.dial(t)
	piece := numbers(64 << 10)
	sent := 0
	for {
		if err := stubborn.SetWriteDeadline(time.Now().Add(150 * time.Millisecond)); err != nil {
			t.Fatal(err)
		}
		n, err := io.WriteString(stubborn, piece[sent%len(piece):])
		sent += n
		if errors.Is(err, os.ErrDeadlineExceeded) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		if sent > 64<<20 {
			t.Fatal("the server takes everything and keeps it")
		}
	}
	say(t, other, "still there?\n")
	hear(t, other, "STILL THERE?\n")
	restsMeanwhile(t, s, other)
	if err := other.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	// Only now is it known that a server which gave the other its answer did not
	// just have memory to spare.
	for range 100 {
		say(t, other, "still there?\n")
		hear(t, other, "STILL THERE?\n")
	}
	want := strings.ToUpper(strings.Repeat(piece, sent/len(piece)+1)[:sent])
	hear(t, stubborn, want)
	if err := stubborn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	say(t, stubborn, "and on\n")
	hear(t, stubborn, "AND ON\n")
}

// restsMeanwhile checks that a server that waits to write does not ask over and
// over: once it has done what was left to do, what it uses in a tenth of a second is
// far from a tenth of a second.
func restsMeanwhile(t *testing.T, s server, silent net.Conn) {
	t.Helper()
	if s.model == "busy-polling" {
		return
	}
	used := time.Hour
	for deadline := time.Now().Add(patience); used > 40*time.Millisecond; {
		if time.Now().After(deadline) {
			t.Fatalf("it used %v to wait for 100 ms", used)
		}
		used = usedWhileSilent(t, s, silent)
	}
}

// usedWhileSilent returns the processor time of a server in a tenth of a second.
func usedWhileSilent(t *testing.T, s server, silent net.Conn) time.Duration {
	t.Helper()
	before, err := proc.CPU(s.pid)
	if err != nil {
		t.Fatal(err)
	}
	if err := silent.SetReadDeadline(time.Now().Add(100 * time.Millisecond)); err != nil {
		t.Fatal(err)
	}
	if _, err := silent.Read(make([]byte, 1)); !errors.Is(err, os.ErrDeadlineExceeded) {
		t.Fatalf("%v, want silence", err)
	}
	after, err := proc.CPU(s.pid)
	if err != nil {
		t.Fatal(err)
	}
	return after - before
}

func testReset(t *testing.T, s server) {
	other := s.dial(t)
	for range 20 {
		rude := s.dial(t)
		say(t, rude, numbers(20_000)) // answers are under way when it leaves
		if err := rude.SetLinger(0); err != nil {
			t.Fatal(err)
		}
		rude.Close()
	}
	say(t, other, "unmoved\n")
	hear(t, other, "UNMOVED\n")
}

// testDescriptors waits until the server has no more open than before.
func testDescriptors(t *testing.T, s server) {
	open := func() int {
		entries, err := os.ReadDir(filepath.Join("/proc", strconv.Itoa(s.pid), "fd"))
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	// Those of the cases before were closed when the cases ended.
	conn := s.dial(t)
	say(t, conn, "ready\n")
	hear(t, conn, "READY\n")
	for deadline := time.Now().Add(patience); open() > 20; {
		if time.Now().After(deadline) {
			t.Fatalf("%d descriptors are open, of a few connections", open())
		}
		say(t, conn, "tick\n")
		hear(t, conn, "TICK\n")
	}
}

// TestHeavy shows which models let one client's handler delay the others.
func TestHeavy(t *testing.T) {
	blocked := []string{"busy-polling", "select", "poll", "epoll", "epoll-et", "sigio", "io_uring", "io_uring-single"}
	for _, m := range append(All(), Variants()...) {
		t.Run(m.Name, func(t *testing.T) {
			t.Parallel()
			s := start(t, m.Name)
			heavy, light := s.dial(t), s.dial(t)
			say(t, light, "met\n")
			hear(t, light, "MET\n")
			begun := time.Now()
			say(t, heavy, "!heavy\n")
			heard := make(chan time.Duration, 1)
			go func() {
				_, _ = io.ReadFull(heavy, make([]byte, len("!heavy\n"))) // its time is the check
				heard <- time.Since(begun)
			}()
			exchanges := 0
			for done := false; !done; exchanges++ {
				say(t, light, "light\n")
				hear(t, light, "LIGHT\n")
				select {
				case took := <-heard:
					done = true
					if took < slow {
						t.Errorf("the heavy request took %v, less than its handler", took)
					}
				default:
				}
			}
			// In a loop the handler lets at most a few exchanges through, before it
			// begins and after it ends; on threads the others go on meanwhile.
			if isBlocked := slices.Contains(blocked, m.Name); !isBlocked && exchanges < 10 {
				t.Errorf("%d exchanges beside a handler of %v: it delayed the other client", exchanges, slow)
			}
		})
	}
}

// TestHeavyWaitsForItsTurn has a client whose next request is always there when
// the server looks: the others get their turn all the same.
func TestHeavyWaitsForItsTurn(t *testing.T) {
	const pieces = 64
	for _, m := range append(All(), Variants()...) {
		t.Run(m.Name, func(t *testing.T) {
			if m.Name == "io_uring" {
				t.Skip("io_uring has no turns to take: one wait brings the results for all that a client has sent ahead, and the kernel says how many")
			}
			t.Parallel()
			s := start(t, m.Name)
			heavy, light := s.dial(t), s.dial(t)
			say(t, light, "met\n")
			hear(t, light, "MET\n")
			go func() {
				// It is cut off when the test ends.
				_, _ = heavy.Write(bytes.Repeat([]byte{HeavyMark}, pieces*bufferSize))
			}()
			hear(t, heavy, string(HeavyMark)) // so the first is handled, and more have come
			var heard atomic.Int64
			go func() {
				buf := make([]byte, bufferSize)
				for {
					n, err := heavy.Read(buf)
					if heard.Add(int64(n)); err != nil {
						return
					}
				}
			}()
			say(t, light, "light\n")
			hear(t, light, "LIGHT\n")
			// Half, because what it has heard is known a little late, and this machine may
			// have been busy before the other one asked.
			if n := heard.Load(); n > pieces*bufferSize/2 {
				t.Errorf("the heavy client had %d answers of %d before the other got one", n/bufferSize, pieces)
			}
		})
	}
}

func TestUpper(t *testing.T) {
	data := []byte("az AZ `{ äé 09")
	Upper(data)
	if want := "AZ AZ `{ äé 09"; string(data) != want {
		t.Errorf("got %q, want %q", data, want)
	}
}

func TestFind(t *testing.T) {
	seen := make(map[string]bool)
	for _, m := range append(All(), Variants()...) {
		found, ok := Find(m.Name)
		if !ok || found.About != m.About || m.About == "" || seen[m.Name] {
			t.Errorf("%q is found as %q, once: %v", m.Name, found.About, !seen[m.Name])
		}
		seen[m.Name] = true
	}
	if _, ok := Find("telepathy"); ok || len(All()) != 10 {
		t.Errorf("found a model that is none, or %d models", len(All()))
	}
}

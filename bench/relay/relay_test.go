package relay

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"
)

// echo serves connections with what they send, until the test ends, each until
// its other end is closed for writing.
func echo(t *testing.T) (address string) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				_, _ = io.Copy(conn, conn) // the other end sees what is missing
			}()
		}
	}()
	return l.Addr().String()
}

func start(t *testing.T, target string, delay time.Duration) *Relay {
	t.Helper()
	r, err := Start(target, delay)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := r.Close(); err != nil {
			t.Error(err)
		}
	})
	return r
}

func dial(t *testing.T, r *Relay) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", r.Address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	return conn.(*net.TCPConn)
}

func TestBytesAndEnd(t *testing.T) {
	for _, delay := range []time.Duration{0, 3 * time.Millisecond} {
		conn := dial(t, start(t, echo(t), delay))
		sent := bytes.Repeat([]byte("all that is sent arrives, in its order. "), 200_000)
		go func() {
			_, _ = conn.Write(sent) // what is missing shows in what is received
			_ = conn.CloseWrite()
		}()
		got, err := io.ReadAll(conn)
		if err != nil || !bytes.Equal(got, sent) {
			t.Errorf("delay %v: %d bytes of %d, %v", delay, len(got), len(sent), err)
		}
	}
}

func TestEachDirectionIsDelayed(t *testing.T) {
	const delay = 40 * time.Millisecond
	conn := dial(t, start(t, echo(t), delay))
	begun := time.Now()
	reply := make([]byte, 1)
	// The first reply takes two round trips, one of which opens the connection.
	for _, least := range []time.Duration{4 * delay, 6 * delay} {
		if _, err := conn.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(conn, reply); err != nil {
			t.Fatal(err)
		}
		if took := time.Since(begun); took < least {
			t.Errorf("after %v, want no less than %v", took, least)
		}
	}
}

// Much more may be under way than the buffers of two sockets hold.
func TestDelayIsNoLimit(t *testing.T) {
	ours, theirs := net.Pipe()
	q := newQueue(time.Hour)
	done := make(chan struct{})
	go func() {
		defer close(done)
		fill(q, theirs)
	}()
	piece := make([]byte, 1<<20)
	for range 64 {
		if _, err := ours.Write(piece); err != nil {
			t.Fatal(err)
		}
	}
	ours.Close()
	<-done
	if q.bytes != 64<<20 || q.ended.IsZero() {
		t.Errorf("%d bytes are under way, end %v", q.bytes, q.ended)
	}
}

func TestQueue(t *testing.T) {
	now := time.Unix(1000, 0)
	q := newQueue(time.Second)
	q.push(now, []byte("a"))
	q.push(now.Add(time.Minute), []byte("b"))
	q.end(now.Add(time.Hour))
	for _, want := range []struct {
		data  string
		after time.Duration
	}{{"a", time.Second}, {"b", time.Minute + time.Second}, {"", time.Hour + time.Second}} {
		got, ok := q.next()
		if !ok || string(got.data) != want.data || got.due.Sub(now) != want.after {
			t.Errorf("%q is due after %v (%v), want %q after %v", got.data, got.due.Sub(now), ok, want.data, want.after)
		}
	}
	if q.bytes != 0 {
		t.Errorf("%d bytes are left", q.bytes)
	}
}

func TestFullQueueWaits(t *testing.T) {
	q := newQueue(0)
	q.push(time.Now(), make([]byte, queueMax))
	pushed := make(chan bool)
	go func() { pushed <- q.push(time.Now(), []byte("more")) }()
	select {
	case <-pushed:
		t.Fatal("a full queue took more")
	default:
	}
	if _, ok := q.next(); !ok || !<-pushed {
		t.Error("a queue with room took nothing")
	}
	q.fail()
	if _, ok := q.next(); ok || q.push(time.Now(), nil) {
		t.Error("a queue that failed goes on")
	}
}

func TestNobodyListens(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l.Close()
	conn := dial(t, start(t, l.Addr().String(), time.Millisecond))
	if n, err := conn.Read(make([]byte, 1)); err == nil {
		t.Errorf("%d bytes from nowhere", n)
	}
}

func TestCloseEndsWhatIsOpen(t *testing.T) {
	target := echo(t)
	for _, delay := range []time.Duration{0, time.Hour} {
		r, err := Start(target, delay)
		if err != nil {
			t.Fatal(err)
		}
		conn := dial(t, r)
		if _, err := conn.Write([]byte("x")); err != nil {
			t.Fatal(err)
		}
		if delay == 0 {
			if _, err := conn.Read(make([]byte, 1)); err != nil {
				t.Fatal(err)
			}
		}
		if err := r.Close(); err != nil {
			t.Error(err)
		}
		if n, err := conn.Read(make([]byte, 1)); err == nil {
			t.Errorf("%d bytes after the end", n)
		}
	}
}

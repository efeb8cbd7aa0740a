package trial

import (
	"io"
	"net"
	"sync/atomic"
	"testing"
	"time"
)

// echo serves what it is sent, until the test ends.
func echo(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(c, c)
				_ = c.Close()
			}()
		}
	}()
	return listener.Addr().String()
}

// A relay passes what it is given, counts it, and cuts when it is enough.
func TestRelay(t *testing.T) {
	r, err := NewRelay(echo(t))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	var told atomic.Int32
	r.CutAfter(1000, func() { told.Add(1) })
	c, err := net.Dial("tcp", r.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	b := make([]byte, 400)
	if _, err := c.Write(b); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(c, b); err != nil {
		t.Fatal(err)
	}
	if got := r.Passed(); got != 800 || told.Load() != 0 {
		t.Errorf("%d bytes passed, told %d times", got, told.Load())
	}
	_, _ = c.Write(b)
	if n, err := io.ReadFull(c, b); err == nil {
		t.Errorf("%d bytes more came", n)
	}
	if told.Load() != 1 {
		t.Errorf("told %d times", told.Load())
	}
	r.CutAfter(0, nil)
	r.SetTarget("127.0.0.1:1")
	gone, err := net.Dial("tcp", r.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer gone.Close()
	if _, err := io.ReadFull(gone, b); err == nil {
		t.Error("nobody answered")
	}
}

// doubling is a filter that sends all twice, and a full stop at the end.
type doubling struct{}

func (doubling) Filter(to io.Writer, b []byte) error {
	_, err := to.Write(append(append([]byte(nil), b...), b...))
	return err
}

func (doubling) End(to io.Writer) error {
	_, err := to.Write([]byte("."))
	return err
}

// A filter has its way with the connections that it was made for.
func TestRelayFilters(t *testing.T) {
	r, err := NewRelay(echo(t))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	r.SetFilter(func(connection int, up bool) Filter {
		if connection == 1 && !up {
			return doubling{}
		}
		return nil
	})
	for i, want := range []string{"ab", "abab"} {
		c, err := net.Dial("tcp", r.Address())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := c.Write([]byte("ab")); err != nil {
			t.Fatal(err)
		}
		b := make([]byte, len(want))
		if _, err := io.ReadFull(c, b); err != nil || string(b) != want {
			t.Errorf("connection %d: %q, %v", i, b, err)
		}
		_ = c.Close()
	}
}

// A rate bounds what passes.
func TestRelayRate(t *testing.T) {
	r, err := NewRelay(echo(t))
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	r.SetRate(1 << 20)
	c, err := net.Dial("tcp", r.Address())
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	begun := time.Now()
	b := make([]byte, 200_000)
	go func() { _, _ = c.Write(make([]byte, len(b))) }()
	if _, err := io.ReadFull(c, b); err != nil {
		t.Fatal(err)
	}
	// 200,000 bytes each way, of which the last piece need not wait.
	if took := time.Since(begun); took < 200*time.Millisecond {
		t.Errorf("it took %v", took)
	}
}

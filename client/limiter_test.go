package client

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"ftpd/protocol"
)

// limitedPair returns limited connections to whoever serves the other ends.
func limitedPair(t *testing.T, l *Limiter) (limited, far net.Conn) {
	t.Helper()
	near, far := net.Pipe()
	limited, err := l.Dial(func(context.Context, string, string) (net.Conn, error) { return near, nil })(t.Context(), "tcp", "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = limited.Close(), far.Close() })
	return limited, far
}

// The clock is that of the bubble, so these times are exact.

func TestLimiterBothWays(t *testing.T) {
	const rate, each = 100_000, 250_000
	send := func(c net.Conn) (int64, error) {
		n, err := c.Write(make([]byte, each))
		return int64(n), err
	}
	receive := func(c net.Conn) (int64, error) { return io.CopyN(io.Discard, c, each) }
	for _, way := range []struct {
		name      string
		near, far func(net.Conn) (int64, error)
	}{{"sends", send, receive}, {"receives", receive, send}} {
		for _, connections := range []int{1, 4} {
			t.Run(fmt.Sprint(way.name, " over ", connections), func(t *testing.T) {
				synctest.Test(t, func(t *testing.T) {
					l := NewLimiter(rate)
					begun := time.Now()
					var group sync.WaitGroup
					for range connections {
						limited, far := limitedPair(t, l)
						group.Go(func() { _, _ = way.far(far) })
						group.Go(func() {
							if n, err := way.near(limited); n != each || err != nil {
								t.Errorf("%d bytes, %v", n, err)
							}
						})
					}
					group.Wait()
					checkRate(t, time.Since(begun), connections*each, rate, connections)
				})
			})
		}
	}
}

// checkRate allows for one piece of each connection that need not wait, and one that
// the bucket held.
func checkRate(t *testing.T, took time.Duration, total, rate, connections int) {
	t.Helper()
	want := time.Duration(total) * time.Second / time.Duration(rate)
	slack := time.Duration(connections+1) * time.Second / piecesPerSecond
	if took < want-slack || took > want {
		t.Errorf("%d bytes of %d connections took %v at %d bytes a second", total, connections, took, rate)
	}
}

// What moves is spread: none of the tenths of a second has much more than its share,
// also after a rest.
func TestLimiterIsSmooth(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const rate = 100_000
		l := NewLimiter(rate)
		limited, far := limitedPair(t, l)
		time.Sleep(time.Minute) // of the bubble: nothing is saved up
		go func() { _, _ = far.Write(make([]byte, 10*rate)) }()
		begun, got := time.Now(), make(map[int]int)
		for b := make([]byte, 64<<10); time.Since(begun) < 5*time.Second; {
			n, err := limited.Read(b)
			if err != nil {
				t.Fatal(err)
			}
			got[int(time.Since(begun)*10/time.Second)] += n
		}
		for tenth, n := range got {
			if n > 2*rate/10 {
				t.Errorf("tenth %d had %d bytes", tenth, n)
			}
		}
	})
}

// Close ends a wait that would last for hours.
func TestLimiterClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		limited, far := limitedPair(t, NewLimiter(MinRate))
		go func() { _, _ = io.Copy(io.Discard, far) }()
		ended := make(chan error, 1)
		go func() {
			_, err := limited.Write(make([]byte, 10_000_000))
			ended <- err
		}()
		synctest.Wait()
		_ = limited.Close()
		if err := <-ended; err == nil {
			t.Error("a write went on after Close")
		}
	})
}

// A reader that is slow on purpose shows the server that it is there: well within the
// minute after which one gives up on a client whose socket takes nothing.
func TestSlowReaderIsShown(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const rate = 100_000
		content := bytesOf(90 * rate)
		begun := time.Now()
		var shown []time.Duration
		c := withPeer(t, peerOptions{limiter: NewLimiter(rate)}, func(p *peer) {
			get := p.expect(protocol.OpGet)
			var sending sync.WaitGroup
			sending.Go(func() { p.file(get.Request, content, 0, func() bool { return false }) })
			for f, ok := p.next(); ok && f.Opcode == protocol.OpPing; f, ok = p.next() {
				shown = append(shown, time.Since(begun))
			}
			sending.Wait()
		})
		var got bytes.Buffer
		if _, err := c.Get(t.Context(), "a", &got, nil); err != nil || !bytes.Equal(got.Bytes(), content) {
			t.Fatalf("%d bytes, %v", got.Len(), err)
		}
		took := time.Since(begun)
		if took < 88*time.Second || took > 92*time.Second {
			t.Errorf("it took %v", took)
		}
		_ = c.Close()
		synctest.Wait()
		last := time.Duration(0)
		for _, at := range append(shown, took) {
			if at-last > 30*time.Second {
				t.Errorf("nothing was shown from %v to %v", last, at)
			}
			last = at
		}
	})
}

// A real transfer is whole.
func TestLimitedTransfer(t *testing.T) {
	d := serve(t)
	c := connect(t, d.address, &Options{Dial: NewLimiter(20 << 20).Dial(nil)})
	content := bytesOf(2<<20 + 1)
	if _, err := c.Put(limit(t), "a", bytes.NewReader(content), nil); err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if _, err := c.Get(limit(t), "a", &got, nil); err != nil || !bytes.Equal(got.Bytes(), content) {
		t.Fatalf("%d bytes, %v", got.Len(), err)
	}
}

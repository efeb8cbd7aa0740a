//go:build unix

package main

import (
	"io"
	"math"
	"net"
	"sync"
	"sync/atomic"
	"testing"
)

// holder relays connections to a server, and holds up what one side sends after so
// many bytes of all of them together, until it is released.
type holder struct {
	address  string
	upwards  bool
	left     atomic.Int64  // bytes that may pass
	passed   atomic.Int64  // bytes that have
	reached  chan struct{} // closed when it has come to that
	once     sync.Once
	released chan struct{}
}

// holdAfter starts a holder; it tells when it has come to that.
func holdAfter(t *testing.T, address string, upwards bool, most int64) (relay string, held <-chan struct{}, release func()) {
	t.Helper()
	h := &holder{address: address, upwards: upwards, reached: make(chan struct{}), released: make(chan struct{})}
	h.left.Store(most)
	return h.listen(t), h.reached, sync.OnceFunc(func() { close(h.released) })
}

// countOf starts a holder that never holds; it tells how many bytes one side has sent.
func countOf(t *testing.T, address string, upwards bool) (relay string, passed *atomic.Int64) {
	t.Helper()
	h := &holder{address: address, upwards: upwards, reached: make(chan struct{}), released: make(chan struct{})}
	h.left.Store(math.MaxInt64)
	return h.listen(t), &h.passed
}

func (h *holder) listen(t *testing.T) string { return acceptEach(t, h.serve) }

// acceptEach serves each connection to an address, which it returns, on a goroutine.
func acceptEach(t *testing.T, serve func(net.Conn)) (address string) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	check(t, err)
	t.Cleanup(func() { _ = listener.Close() })
	go func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			go serve(near)
		}
	}()
	return listener.Addr().String()
}

func (h *holder) serve(near net.Conn) {
	defer near.Close()
	far, err := net.Dial("tcp", h.address)
	if err != nil {
		return
	}
	defer far.Close()
	for _, c := range []net.Conn{near, far} {
		_ = c.(*net.TCPConn).SetReadBuffer(64 << 10) // so that who sends is held up soon
	}
	up, down := io.Copy, io.Copy
	if h.upwards {
		up = h.copy
	} else {
		down = h.copy
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = up(far, near)
		_ = far.(*net.TCPConn).CloseWrite() // the other way may go on
	}()
	_, _ = down(near, far)
	_ = near.Close()
	<-ended
}

// copy is io.Copy for the side that is held up.
func (h *holder) copy(to io.Writer, from io.Reader) (int64, error) {
	b := make([]byte, 32<<10)
	for {
		n, err := from.Read(b)
		may := int64(n)
		if left := h.left.Add(-may); left < 0 {
			may = max(0, may+left)
		}
		h.passed.Add(may)
		if _, failed := to.Write(b[:may]); failed != nil || err != nil {
			return 0, err
		}
		if may < int64(n) || h.left.Load() == 0 {
			h.once.Do(func() { close(h.reached) })
			<-h.released
			if _, failed := to.Write(b[may:n]); failed != nil {
				return 0, failed
			}
			h.left.Store(math.MaxInt64)
		}
	}
}

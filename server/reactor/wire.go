package reactor

import (
	"bytes"
	"crypto/tls"
	"errors"
	"net"
	"sync"
	"time"
)

// maxAhead bounds what of a peer's bytes waits for its handshake, in bytes. The rest stays
// in the kernel: what follows the handshake may come before we know that it is over.
const maxAhead = 16 << 10

// wire is what crypto/tls takes for its connection: what has arrived and what is to be
// sent, in memory. While the handshake lasts, Read waits for the loop to bring more; later
// it never waits, and only the loop uses it.
type wire struct {
	mu      sync.Mutex
	arrived sync.Cond
	in      []byte // from the peer, not yet read by crypto/tls
	out     []byte // for the peer, not yet written by the loop
	end     error  // why nothing more comes
	shaking bool
	last    []byte // that has arrived of the handshake, as long as a clear alert
	shown   bool   // something was sent: the certificate is in the first flight (RFC 8446 4.4)
	full    bool   // the loop was told that there is no room

	turns  chan struct{} // holds a token for each handshake that computes
	paused func()        // tells the loop that there is something to write, or room, before a Read waits
	fetch  func() error  // of a Read after the handshake: fills in, or says why not
}

// errGone is that the peer has gone. It is not io.EOF, of which crypto/tls makes different
// errors, depending on where it comes.
var errGone = errors.New("the peer has gone")

// nothing is that no byte is there now. crypto/tls keeps its state behind an error that is
// temporary, so that reading goes on where it stopped (Conn.readRecord).
type nothing struct{}

func (nothing) Error() string   { return "nothing has arrived" }
func (nothing) Timeout() bool   { return true }
func (nothing) Temporary() bool { return true }

func (w *wire) Read(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if !w.shaking {
		return w.take(p)
	}
	if len(w.in) == 0 && w.end == nil {
		if len(w.out) > 0 || w.full {
			w.full = false
			w.paused()
		}
		<-w.turns
		for len(w.in) == 0 && w.end == nil {
			w.arrived.Wait()
		}
		w.mu.Unlock()
		w.turns <- struct{}{}
		w.mu.Lock()
	}
	if len(w.in) == 0 {
		return 0, w.end
	}
	n := copy(p, w.in)
	w.in = w.in[n:]
	return n, nil
}

// take is Read after the handshake.
func (w *wire) take(p []byte) (int, error) {
	if len(w.in) == 0 {
		if err := w.fetch(); err != nil {
			return 0, err
		}
	}
	n := copy(p, w.in)
	w.in = w.in[n:]
	return n, nil
}

// Write takes all, whatever the peer does: to crypto/tls an error would be for ever.
func (w *wire) Write(p []byte) (int, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.out, w.shown = append(w.out, p...), true
	return len(p), nil
}

// room returns how many bytes a handshake takes now. Where that is none, paused is called
// once there is some. Behind the end there is none.
func (w *wire) room() int {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.end != nil {
		return 0
	}
	w.full = len(w.in) == maxAhead
	return maxAhead - len(w.in)
}

// bring gives a handshake what has arrived: no more than there is room for.
func (w *wire) bring(p []byte) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.in = append(w.in, p...)
	w.last = append(w.last, p[max(0, len(p)-clearAlert):]...)
	w.last = append(w.last[:0], w.last[max(0, len(w.last)-clearAlert):]...)
	w.arrived.Signal()
}

// clearAlert is the length of an alert that is not encrypted: a record's header, a level and
// a description (RFC 8446 5.1, 6).
const clearAlert = 7

// alert returns the alert in the clear that the handshake has ended with, if it has. OpenSSL
// sends it so where it does not trust a certificate, for it has no keys yet to write with;
// crypto/tls has, and takes it for a damaged record.
func (w *wire) alert() (tls.AlertError, bool) {
	if !bytes.HasPrefix(w.last, []byte{21, 3, 3, 0, 2}) || len(w.last) != clearAlert {
		return 0, false
	}
	return tls.AlertError(w.last[clearAlert-1]), true
}

// cut ends a handshake, once it has read what has arrived.
func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.end = errGone
	w.arrived.Signal()
}

// The rest of net.Conn, of which crypto/tls uses nothing in what is asked of it here.
func (*wire) Close() error                     { return nil }
func (*wire) LocalAddr() net.Addr              { return nil }
func (*wire) RemoteAddr() net.Addr             { return nil }
func (*wire) SetDeadline(time.Time) error      { return nil }
func (*wire) SetReadDeadline(time.Time) error  { return nil }
func (*wire) SetWriteDeadline(time.Time) error { return nil }

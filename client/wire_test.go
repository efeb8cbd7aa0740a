package client

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"ftpd/protocol"
)

// Every message arrives whole, however the bytes are split.
func TestSplits(t *testing.T) {
	for _, chunk := range []int{1, 2, 3, 7, 11, 13, 47, 997, 4093, 65537, 262180} {
		t.Run(fmt.Sprint(chunk), func(t *testing.T) {
			size := 3*protocol.BlockSize + 7
			if chunk < 900 {
				size = min(size, 1000*chunk)
			}
			content := bytesOf(size)
			c := withPeer(t, peerOptions{chunk: chunk}, func(p *peer) {
				newHonest(p, map[string][]byte{"a": content, "b": []byte("b"), "empty": nil}).serve()
			})
			ctx := limit(t)
			var got bytes.Buffer
			result, err := c.Get(ctx, "a", &got, nil)
			if err != nil || !bytes.Equal(got.Bytes(), content) || result.Digest != treeOf(content) {
				t.Fatalf("got %d bytes, %v", got.Len(), err)
			}
			if _, err := c.Stat(ctx, "nowhere"); !errors.Is(err, ErrNotFound) {
				t.Error(err)
			}
			n := 0
			for e, err := range c.List(ctx, "", ListOptions{}) {
				if err != nil || e.Kind != File || e.Mode != 0o640 {
					t.Error(e, err)
				}
				n++
			}
			if n != 3 {
				t.Errorf("listed %d entries", n)
			}
			if _, err := c.Ping(ctx); err != nil {
				t.Error(err)
			}
			if r, err := c.Put(ctx, "c", bytes.NewReader(content), nil); err != nil || r.Digest != treeOf(content) {
				t.Error(err)
			}
		})
	}
}

// No more requests are in flight than both sides allow.
func TestInFlight(t *testing.T) {
	for _, test := range []struct {
		own    int
		theirs uint16
		want   int32
	}{{own: 3, theirs: 128, want: 3}, {own: 128, theirs: 2, want: 2}, {own: 1, theirs: 1, want: 1}, {theirs: 5, want: 5}} {
		t.Run(fmt.Sprintf("%d of %d", test.own, test.theirs), func(t *testing.T) {
			gate := make(chan struct{})
			var server *honest
			started := make(chan struct{})
			c := withPeer(t, peerOptions{inFlight: test.theirs, options: Options{InFlight: test.own}}, func(p *peer) {
				server = newHonest(p, map[string][]byte{"a": bytesOf(protocol.BlockSize + 1)})
				server.gate = gate
				close(started)
				server.serve()
			})
			if got := c.Server().InFlight; got != int(test.want) {
				t.Errorf("Server().InFlight is %d, not %d", got, test.want)
			}
			<-started
			var calls sync.WaitGroup
			for i := range 20 {
				calls.Go(func() {
					ctx := limit(t)
					var err error
					switch i % 4 {
					case 0:
						_, err = c.Stat(ctx, "a")
					case 1:
						_, err = c.Get(ctx, "a", io.Discard, nil)
					case 2:
						_, err = c.Put(ctx, fmt.Sprint(i), strings.NewReader("x"), nil)
					case 3:
						err = c.Mkdir(ctx, "d", 0)
					}
					if err != nil {
						t.Error(err)
					}
				})
			}
			waitFor(t, func() bool { return server.most.Load() == test.want })
			close(gate)
			calls.Wait()
			if most := server.most.Load(); most != test.want {
				t.Errorf("%d were in flight, not %d", most, test.want)
			}
		})
	}
}

// waitFor waits for a condition that another goroutine brings about.
func waitFor(t testing.TB, condition func() bool) {
	t.Helper()
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for end := time.Now().Add(20 * time.Second); !condition(); <-tick.C {
		if time.Now().After(end) {
			t.Fatal("waited in vain")
		}
	}
}

// An error matches the sentinel of its code, and nothing else.
func TestErrorCodes(t *testing.T) {
	sentinels := []error{
		ErrNotFound, ErrExists, ErrPermission, ErrIsDirectory, ErrNotDirectory, ErrNotEmpty, ErrNoSpace, ErrQuota,
		ErrChanged, ErrIntegrity, ErrTooLarge, ErrBusy, ErrCancelled, ErrInvalid, ErrUnsupported, ErrIO, ErrAuth,
		ErrShuttingDown, ErrProtocol,
	}
	c := withPeer(t, peerOptions{}, func(p *peer) {
		for {
			f, ok := p.next()
			if !ok || f.Opcode == protocol.OpBye {
				return
			}
			m := decoded[protocol.Mkdir](p, f)
			p.send(f.Request, protocol.Error{Code: protocol.Code(m.Mode), Retry: m.Mode%2 == 0, Message: "no\x1b[2J"})
		}
	})
	for code := protocol.NotFound; code <= protocol.Protocol+1; code++ {
		err := c.Mkdir(limit(t), "a/b", 0|fsMode(code))
		want := min(code, protocol.Protocol)
		if code > protocol.Protocol {
			want = protocol.IO
		}
		var e *Error
		if !errors.As(err, &e) || e.Code != want || e.Op != "mkdir" || e.Path != "a/b" || e.Retry != (code%2 == 0) {
			t.Errorf("%s: %#v", code, err)
		}
		if strings.ContainsRune(err.Error(), '\x1b') {
			t.Errorf("%q holds a control character", err)
		}
		for i, sentinel := range sentinels {
			if got := errors.Is(err, sentinel); got != (protocol.Code(i+1) == want) {
				t.Errorf("%s: errors.Is(err, %v) is %t", code, sentinel, got)
			}
		}
		for _, other := range []error{ErrNetwork, ErrTimeout, ErrClosed, ErrSomeFailed, context.Canceled} {
			if errors.Is(err, other) {
				t.Errorf("%s: matches %v", code, other)
			}
		}
		checkFsErrors(t, err, want)
	}
}
